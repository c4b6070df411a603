// Goal: a line of a log is one line, of a known form, whatever it says. Method: words with signs
// that would break it, in both formats.
#include "common/log_line.h"

#include "common/json.h"
#include "gtest/gtest.h"

namespace strata {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

LogLine Line(std::string words) {
  return {.time = system_clock::time_point(milliseconds(1'796'000'000'007)),
          .level = LogLevel::kError,
          .run = "r1",
          .attempt = 2,
          .rank = 3,
          .event = "failed",
          .words = std::move(words)};
}

TEST(LogLineTest, TextHasItsPlaceFirst) {
  EXPECT_EQ(LogText(Line("no memory"), LogFormat::kText),
            "2026-11-30T00:53:20.007Z ERROR run=r1 attempt=2 rank=3 failed: no memory\n");
  LogLine line = Line("");
  line.rank = kNoRank;
  EXPECT_EQ(LogText(line, LogFormat::kText),
            "2026-11-30T00:53:20.007Z ERROR run=r1 attempt=2 rank=- failed\n");
}

TEST(LogLineTest, TextStaysOneLineAndDrivesNoTerminal) {
  EXPECT_EQ(
      LogText(Line("a\nb\x1b[2J\x7f ñ"), LogFormat::kText),
      "2026-11-30T00:53:20.007Z ERROR run=r1 attempt=2 rank=3 failed: a\\nb\\x1b[2J\\x7f ñ\n");
}

TEST(LogLineTest, JsonIsAnObjectOnALine) {
  const std::string text = LogText(Line("a\nb\xff"), LogFormat::kJson);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const Json json = ParseJson(text, "line").value();
  EXPECT_EQ(json["level"], "error");
  EXPECT_EQ(json["rank"], 3);
  EXPECT_EQ(json["message"], "a\nb\xEF\xBF\xBD");
}

TEST(LogLineTest, ATimeBefore1970HasItsMilliseconds) {
  LogLine line = Line("x");
  line.time = system_clock::time_point(milliseconds(-1));
  EXPECT_EQ(LogText(line, LogFormat::kText).substr(0, 24), "1969-12-31T23:59:59.999Z");
}

TEST(LogFormatTest, IsNamed) {
  EXPECT_EQ(LogFormatOf("json"), LogFormat::kJson);
  EXPECT_EQ(LogFormatOf("text"), LogFormat::kText);
}

}  // namespace
}  // namespace strata
