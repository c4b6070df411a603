// Goal: text takes the columns it is given, in any language. Method: names with accents, wide
// signs, combining marks and broken bytes.
#include "coordinator/cli/text_width.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::ElementsAre;

TEST(DisplayWidthTest, CountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth(""), 0);
  EXPECT_EQ(DisplayWidth("antropología"), 12);
  EXPECT_EQ(DisplayWidth("año"), 3);
  EXPECT_EQ(DisplayWidth("an\u0303o"), 3);  // ñ as n and a combining tilde
  EXPECT_EQ(DisplayWidth("日本"), 4);
  EXPECT_EQ(DisplayWidth("█▁…"), 3);
}

TEST(DisplayWidthTest, BrokenBytesCountAsOneEach) {
  EXPECT_EQ(DisplayWidth("\xC3"), 1);
  EXPECT_EQ(DisplayWidth("a\xFF\xC3z"), 4);
  EXPECT_EQ(DisplayWidth("\xE2\x82"), 2);
}

TEST(PrintableTest, ControlSignsCannotReachTheTerminal) {
  EXPECT_EQ(Printable("a\033[31mb\n\x7F"), "a?[31mb??");
  EXPECT_EQ(Printable("a\u009Bb\x9B"), "a?b?");
  EXPECT_EQ(Printable("año █"), "año █");
}

TEST(ShortenedTest, KeepsBothEnds) {
  EXPECT_EQ(Shortened("premium_dataset.jsonl", 21, "…"), "premium_dataset.jsonl");
  EXPECT_EQ(Shortened("premium_dataset.jsonl", 11, "…"), "premi…jsonl");
  EXPECT_EQ(Shortened("premium_dataset.jsonl", 11, ".."), "premi..sonl");
  EXPECT_EQ(Shortened("abc", 2, "…"), "a…");
  EXPECT_EQ(Shortened("abc", 1, "…"), ".");
  EXPECT_EQ(Shortened("abc", 0, "…"), "");
}

TEST(ShortenedTest, NeverTakesMoreColumnsNorTearsASign) {
  const std::string name = "a\u0301n\u0303日本語_antropología_ñandú.jsonl";
  for (size_t columns = 0; columns <= DisplayWidth(name); ++columns) {
    const std::string cut = Shortened(name, columns, "…");
    EXPECT_LE(DisplayWidth(cut), columns);
    EXPECT_EQ(Printable(cut), cut);
  }
  EXPECT_EQ(Shortened("año_español", 7, "…"), "año…ñol");
}

TEST(PadTest, FillsColumns) {
  EXPECT_EQ(PadRight("ñ", 3), "ñ  ");
  EXPECT_EQ(PadLeft("ñ", 3), "  ñ");
  EXPECT_EQ(PadRight("long", 2), "long");
}

TEST(WrappedTest, BreaksBetweenWords) {
  EXPECT_THAT(Wrapped("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(Wrapped("a /long/path/that/stays b", 6),
              ElementsAre("a", "/long/path/that/stays", "b"));
  EXPECT_THAT(Wrapped("one two", 0), ElementsAre("one two"));
  EXPECT_THAT(Wrapped("", 5), ElementsAre(""));
}

}  // namespace
}  // namespace strata
