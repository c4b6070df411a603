// Goal: one setting serves many branches. Method: names with and without a slash.
#include "coordinator/observe/named_path.h"

#include "gtest/gtest.h"

namespace strata {
namespace {

TEST(NamedPathTest, PutsTheNamesIn) {
  EXPECT_EQ(NamedPath("/m/strata_{branch}_{run}.prom", "física", "r1"), "/m/strata_física_r1.prom");
  EXPECT_EQ(NamedPath("/m/{branch}", "a/../b", "r"), "/m/a_.._b") << "no way out of the folder";
  EXPECT_EQ(NamedPath("/m/{other}.prom", "b", "r"), "/m/{other}.prom");
}

}  // namespace
}  // namespace strata
