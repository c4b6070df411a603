// Lays rows out in columns that fit the terminal: a name gives way in its middle, the least needed
// columns leave, nothing wraps. What plan, train, history, backups and config print.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coordinator/cli/terminal.h"

namespace strata {

struct TableColumn {
  std::string title;
  bool right = false;    // aligned to the right: figures
  bool shrinks = false;  // may be cut in its middle
  int leaves = 0;        // where room lacks, the greatest leaves first; 0 never does
};

struct TableCell {
  std::string text;
  Style style = Style::kPlain;
};

// A sentence as lines that fit, broken between words; a word wider than the terminal gives way in
// its middle. Each with a line break.
std::string Sentence(std::string_view text, Style style, const Terminal& terminal);

class TextTable {
 public:
  // No title line when all titles are empty.
  explicit TextTable(std::vector<TableColumn> columns) : columns_(std::move(columns)) {}
  // A cell for each column; fewer leave the others empty. Control signs are shown as "?".
  void AddRow(std::vector<TableCell> cells);
  // A sentence below the last row, from column `from` on, broken between words.
  void AddNote(size_t from, TableCell note);
  // Its lines, each with a line break. Without a bound every cell is whole.
  std::string Render(const Terminal& terminal) const;

 private:
  struct Row {
    std::vector<TableCell> cells;
    bool is_note = false;
    size_t from = 0;
  };
  // Of each column; -1 has left.
  std::vector<int> Widths(const Terminal& terminal) const;
  std::string Line(const Terminal& terminal, const std::vector<int>& widths,
                   const std::vector<TableCell>& cells) const;
  std::string Note(const Terminal& terminal, const std::vector<int>& widths, const Row& row) const;

  std::vector<TableColumn> columns_;
  std::vector<Row> rows_;
};

}  // namespace strata
