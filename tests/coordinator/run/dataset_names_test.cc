// Goal: a name that a user writes means the same files everywhere. Method: names, endings and globs
// on a handful of files.
#include "coordinator/run/dataset_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace strata {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::set<std::string> kKnown = {"*.jsonl", "alpha.jsonl", "beta_old.jsonl",
                                      "gamma_old.jsonl"};

TEST(DatasetNamesTest, ANameIsKnownWithAndWithoutItsEnding) {
  EXPECT_THAT(DatasetsNamed("alpha", kKnown), ElementsAre("alpha.jsonl"));
  EXPECT_THAT(DatasetsNamed("alpha.jsonl", kKnown), ElementsAre("alpha.jsonl"));
  EXPECT_THAT(DatasetsNamed("alph", kKnown), IsEmpty());
  EXPECT_THAT(DatasetsNamed("", kKnown), IsEmpty());
}

TEST(DatasetNamesTest, AGlobFitsWithAndWithoutTheEnding) {
  EXPECT_THAT(DatasetsNamed("*_old", kKnown), ElementsAre("beta_old.jsonl", "gamma_old.jsonl"));
  EXPECT_THAT(DatasetsNamed("beta*.jsonl", kKnown), ElementsAre("beta_old.jsonl"));
  EXPECT_THAT(DatasetsNamed("none*", kKnown), IsEmpty());
}

TEST(DatasetNamesTest, AFileCalledLikeAGlobIsMeantAlone) {
  EXPECT_THAT(DatasetsNamed("*", kKnown), ElementsAre("*.jsonl"));
}

TEST(DatasetNamesTest, TheNearestComeFirstAndAreThreeAtMost) {
  EXPECT_EQ(DatasetsNear("beta_odl", kKnown).front(), "beta_old.jsonl");
  EXPECT_EQ(DatasetsNear("beta_odl", kKnown).size(), 3u);
  EXPECT_THAT(DatasetsNear("x", {}), IsEmpty());
}

}  // namespace
}  // namespace strata
