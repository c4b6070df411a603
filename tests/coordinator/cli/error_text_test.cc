// Goal: an error's parts are told apart, and nothing is called advice that is none. Method:
// messages as the program has them.
#include "coordinator/cli/error_text.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

Terminal Wide(int columns) {
  Terminal terminal;
  terminal.draws = terminal.utf8 = true;
  terminal.columns = columns;
  return terminal;
}

TEST(ErrorTextTest, PlaceFactAndAdviceAreLinesOfTheirOwn) {
  EXPECT_EQ(ErrorText("/b/branch.yaml:3: seed is set twice; keep one", Wide(80)),
            "strata: seed is set twice\n"
            "  at /b/branch.yaml:3\n"
            "→ keep one\n");
}

TEST(ErrorTextTest, OnlyTheLastClauseIsAdviceAndOnlyInTheImperative) {
  const ErrorParts both = PartsOf("a rank died; nothing was changed; evaluate again");
  EXPECT_EQ(both.what, "a rank died; nothing was changed");
  EXPECT_EQ(both.advice, "evaluate again");
  for (const char* fact :
       {"device must be one of auto, cpu; is gpu", "it failed; current is untouched",
        "no `;` in it", "no dataset 'x'; it has a.jsonl", "ends in; "}) {
    EXPECT_EQ(PartsOf(fact).what, fact);
    EXPECT_EQ(PartsOf(fact).advice, "");
  }
}

TEST(ErrorTextTest, APlaceIsAFilesLineOrASetting) {
  EXPECT_EQ(PartsOf("--set lora_r=0: lora_r must be more").where, "--set lora_r=0");
  EXPECT_EQ(PartsOf("/my branch/branch.yaml:12: bad").where, "/my branch/branch.yaml:12");
  EXPECT_EQ(PartsOf("cannot read /x: denied").where, "");
  EXPECT_EQ(PartsOf(":3: bad").where, "");
  EXPECT_EQ(PartsOf("12: bad").where, "");
}

TEST(ErrorTextTest, AFileOrAPipeGetsTheSentenceAsItIs) {
  EXPECT_EQ(ErrorText("/b:3: twice; keep one", Terminal()), "strata: /b:3: twice; keep one\n");
}

TEST(ErrorTextTest, LongPartsBreakBetweenWordsButNotInAPath) {
  EXPECT_EQ(
      ErrorText("one two three four five six seven eight; use /a/very/long/path/that/is/whole",
                Wide(30)),
      "strata: one two three four\n"
      "        five six seven eight\n"
      "→ use\n"
      "  /a/very/long/path/that/is/whole\n");
}

TEST(ErrorTextTest, WithoutUtf8TheArrowIsAscii) {
  Terminal terminal = Wide(80);
  terminal.utf8 = false;
  EXPECT_EQ(ErrorText("a; run b", terminal), "strata: a\n-> run b\n");
}

TEST(ErrorTextTest, WhatAFileSaysCannotDriveTheTerminal) {
  EXPECT_EQ(ErrorText("is \033[2J", Wide(80)), "strata: is ?[2J\n");
}

}  // namespace
}  // namespace strata
