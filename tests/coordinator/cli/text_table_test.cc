// Goal: a table fits its terminal and says as much as there is room for. Method: one table of names
// and figures at several widths.
#include "coordinator/cli/text_table.h"

#include <sstream>

#include "coordinator/cli/text_width.h"
#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::Not;

Terminal Wide(int columns) {
  Terminal terminal;
  terminal.columns = columns;
  terminal.utf8 = true;
  return terminal;
}

TextTable Sample() {
  TextTable table({{"", true},
                   {"dataset", false, /*shrinks=*/true},
                   {"tokens", true, false, /*leaves=*/2},
                   {"rows", true, false, /*leaves=*/1},
                   {"loss", true}});
  table.AddRow(
      {{"1"}, {"premium_complete_optimizado_año_2025.jsonl"}, {"55270"}, {"320"}, {"1.5"}});
  table.AddRow({{"2"}, {"b.jsonl"}, {"7"}});
  table.AddNote(1, {"a remark of several words that goes below its row"});
  return table;
}

size_t Widest(const std::string& text) {
  size_t widest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, DisplayWidth(line));
  return widest;
}

TEST(TextTableTest, WithoutABoundEveryCellIsWhole) {
  EXPECT_EQ(Sample().Render(Terminal()),
            "   dataset                                     tokens  rows  loss\n"
            "1  premium_complete_optimizado_año_2025.jsonl   55270   320   1.5\n"
            "2  b.jsonl                                          7\n"
            "   a remark of several words that goes below its row\n");
}

TEST(TextTableTest, NamesGiveWayFirst) {
  EXPECT_EQ(Sample().Render(Wide(50)),
            "   dataset                      tokens  rows  loss\n"
            "1  premium_compl…ño_2025.jsonl   55270   320   1.5\n"
            "2  b.jsonl                           7\n"
            "   a remark of several words that goes below its\n"
            "   row\n");
}

TEST(TextTableTest, ThenTheLeastNeededColumnsLeave) {
  const std::string narrow = Sample().Render(Wide(36));
  EXPECT_THAT(narrow, Not(HasSubstr("tokens")));
  EXPECT_THAT(narrow, HasSubstr("rows"));
  EXPECT_THAT(Sample().Render(Wide(29)), Not(HasSubstr("rows")));
  EXPECT_THAT(Sample().Render(Wide(29)), HasSubstr("loss"));
}

TEST(TextTableTest, NoLineIsWiderThanTheTerminal) {
  for (int columns = 29; columns < 80; ++columns)
    EXPECT_LE(Widest(Sample().Render(Wide(columns))), columns) << columns;
}

TEST(TextTableTest, ColoursDoNotMoveColumns) {
  Terminal terminal = Wide(60);
  TextTable table({{"a"}, {"b"}});
  table.AddRow({{"x", Style::kRed}, {"y"}});
  terminal.colour = true;
  EXPECT_EQ(table.Render(terminal), "\033[2ma\033[0m  \033[2mb\033[0m\n\033[31mx\033[0m  y\n");
}

TEST(TextTableTest, AHostileNameCannotDriveTheTerminal) {
  TextTable table({{""}});
  table.AddRow({{"a\033[2Jb"}});
  EXPECT_EQ(table.Render(Terminal()), "a?[2Jb\n");
}

}  // namespace
}  // namespace strata
