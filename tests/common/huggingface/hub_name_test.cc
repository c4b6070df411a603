// Goal: only what the Hub would take for a name is taken for one. Method: names and paths.
#include "common/huggingface/hub_name.h"

#include <gtest/gtest.h>

namespace strata {
namespace {

TEST(HubNameTest, AnOwnerAndANameAreOne) {
  for (const char* name : {"meta-llama/Llama-2-7b-hf", "a/b", "org_1/x.y-z"})
    EXPECT_TRUE(IsHubName(name)) << name;
}

TEST(HubNameTest, APathIsNone) {
  for (const char* path : {"", "/", "base", "/base", "base/", "a/b/c", "./base", "../base",
                           "~/base", "a/../b", "a/.b", "my models/base", "a/b\n", "a/ñ"})
    EXPECT_FALSE(IsHubName(path)) << path;
}

}  // namespace
}  // namespace strata
