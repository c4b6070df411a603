// Goal: globs mean what they mean in a shell, but for case, and no glob is slow.
#include "coordinator/config/glob.h"

#include <string>

#include "gtest/gtest.h"

namespace strata {
namespace {

TEST(GlobTest, StarMatchesAnyRun) {
  EXPECT_TRUE(GlobMatches("*premium*", "premium"));
  EXPECT_TRUE(GlobMatches("*premium*", "a_premium_premium_b.jsonl"));
  EXPECT_TRUE(GlobMatches("train*", "train.jsonl"));
  EXPECT_TRUE(GlobMatches("*.jsonl", "a.jsonl.jsonl"));
  EXPECT_TRUE(GlobMatches("**", ""));
  EXPECT_FALSE(GlobMatches("train*", "my_train.jsonl"));
  EXPECT_FALSE(GlobMatches("*premium", "premium.jsonl"));
  EXPECT_FALSE(GlobMatches("", "a"));
}

TEST(GlobTest, QuestionMarkMatchesOneCharacter) {
  EXPECT_TRUE(GlobMatches("a?c", "abc"));
  EXPECT_TRUE(GlobMatches("espa?a", "españa"));
  EXPECT_FALSE(GlobMatches("a?c", "ac"));
  EXPECT_FALSE(GlobMatches("a?", "a"));
}

TEST(GlobTest, CaseIsIgnoredAndOtherSignsAreThemselves) {
  EXPECT_TRUE(GlobMatches("*PREMIUM*", "My_Premium.jsonl"));
  EXPECT_FALSE(GlobMatches("[ab]", "a"));
  EXPECT_TRUE(GlobMatches("[ab].jsonl", "[ab].jsonl"));
}

TEST(GlobTest, ManyStarsEndSoon) {
  std::string glob;
  for (int i = 0; i < 1000; ++i) glob += "*a";
  EXPECT_FALSE(GlobMatches(glob + "b", std::string(4000, 'a')));
}

}  // namespace
}  // namespace strata
