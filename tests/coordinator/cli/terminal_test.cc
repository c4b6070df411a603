// Goal: what is drawn suits the output it goes to. Method: the decision alone, for devices and
// environments that are made up.
#include "coordinator/cli/terminal.h"

#include <map>

#include "gtest/gtest.h"

namespace strata {
namespace {

using Environment = std::map<std::string, std::string>;

Terminal Decide(bool is_device, int columns, const Environment& environment) {
  return Terminal::Decide(is_device, columns, [&](const char* name) -> const char* {
    const auto at = environment.find(name);
    return at == environment.end() ? nullptr : at->second.c_str();
  });
}

TEST(TerminalTest, ADeviceIsDrawnOnInColourAtItsWidth) {
  const Terminal terminal =
      Decide(true, 132, {{"TERM", "xterm-256color"}, {"LANG", "es_ES.UTF-8"}});
  EXPECT_TRUE(terminal.draws && terminal.colour && terminal.utf8);
  EXPECT_EQ(terminal.columns, 132);
}

TEST(TerminalTest, AFileGetsPlainLinesWithoutABound) {
  const Terminal terminal = Decide(false, 0, {{"TERM", "xterm"}, {"COLUMNS", "60"}});
  EXPECT_FALSE(terminal.draws || terminal.colour);
  EXPECT_EQ(terminal.columns, 0);
}

TEST(TerminalTest, ADumbTerminalIsNeitherDrawnOverNorColouredButHasAWidth) {
  const Terminal terminal = Decide(true, 60, {{"TERM", "dumb"}});
  EXPECT_FALSE(terminal.draws || terminal.colour);
  EXPECT_EQ(terminal.columns, 60);
}

TEST(TerminalTest, ColourIsRefusedOrForcedByTheEnvironment) {
  EXPECT_FALSE(Decide(true, 80, {{"NO_COLOR", "1"}}).colour);
  EXPECT_TRUE(Decide(true, 80, {{"NO_COLOR", ""}}).colour);
  EXPECT_FALSE(Decide(true, 80, {{"CLICOLOR", "0"}}).colour);
  EXPECT_TRUE(Decide(false, 0, {{"FORCE_COLOR", "1"}}).colour);
  EXPECT_TRUE(Decide(false, 0, {{"CLICOLOR_FORCE", "1"}}).colour);
  EXPECT_FALSE(Decide(false, 0, {{"FORCE_COLOR", "0"}}).colour);
  EXPECT_FALSE(Decide(true, 80, {{"NO_COLOR", "1"}, {"FORCE_COLOR", "1"}}).colour);
  EXPECT_TRUE(Decide(true, 80, {{"NO_COLOR", "1"}}).draws);
}

TEST(TerminalTest, AWidthThatTheDeviceDoesNotTellIsTakenFromTheEnvironment) {
  EXPECT_EQ(Decide(true, 0, {{"COLUMNS", "72"}}).columns, 72);
  EXPECT_EQ(Decide(true, 0, {{"COLUMNS", "wide"}}).columns, 80);
  EXPECT_EQ(Decide(true, 0, {}).columns, 80);
  EXPECT_EQ(Decide(true, 65535, {}).columns, 1000);
}

TEST(TerminalTest, TheFirstLocaleVariableThatIsSetDecidesOnUtf8) {
  EXPECT_TRUE(Decide(true, 80, {{"LANG", "C.utf8"}}).utf8);
  EXPECT_FALSE(Decide(true, 80, {{"LANG", "C"}}).utf8);
  EXPECT_FALSE(Decide(true, 80, {}).utf8);
  EXPECT_FALSE(Decide(true, 80, {{"LC_ALL", "C"}, {"LANG", "en_US.UTF-8"}}).utf8);
  EXPECT_TRUE(Decide(true, 80, {{"LC_ALL", ""}, {"LC_CTYPE", "UTF-8"}, {"LANG", "C"}}).utf8);
}

TEST(TerminalTest, StylesAreCodesOnlyWithColour) {
  Terminal terminal;
  EXPECT_EQ(terminal.Styled(Style::kRed, "error"), "error");
  EXPECT_EQ(terminal.Mark("✓", "ok"), "ok");
  terminal.colour = terminal.utf8 = true;
  EXPECT_EQ(terminal.Styled(Style::kRed, "error"), "\033[31merror\033[0m");
  EXPECT_EQ(terminal.Styled(Style::kRed, ""), "");
  EXPECT_EQ(terminal.Styled(Style::kPlain, "a"), "a");
  EXPECT_EQ(terminal.Mark("✓", "ok"), "✓");
}

}  // namespace
}  // namespace strata
