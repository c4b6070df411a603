#include "coordinator/cli/text_table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "coordinator/cli/text_width.h"

namespace strata {
namespace {

constexpr int kGap = 2;         // between columns
constexpr int kShrunkMin = 18;  // a name cut shorter tells nothing

int TotalOf(const std::vector<int>& widths) {
  int total = -kGap;
  for (const int width : widths) total += width < 0 ? 0 : width + kGap;
  return total;
}

// Lines that begin in column `indent`.
std::string Paragraph(std::string_view text, int indent, Style style, const Terminal& terminal) {
  const size_t room =
      terminal.columns > 0 ? static_cast<size_t>(std::max(20, terminal.columns - indent)) : 0;
  std::string lines;
  for (const std::string& line : Wrapped(text, room)) {
    const std::string shown = room > 0 ? Shortened(line, room, terminal.Mark("…", "..")) : line;
    lines += std::string(indent, ' ') + terminal.Styled(style, shown) + "\n";
  }
  return lines;
}

}  // namespace

std::string Sentence(std::string_view text, Style style, const Terminal& terminal) {
  return Paragraph(Printable(text), 0, style, terminal);
}

void TextTable::AddRow(std::vector<TableCell> cells) {
  cells.resize(columns_.size());
  for (TableCell& cell : cells) cell.text = Printable(cell.text);
  rows_.push_back({std::move(cells)});
}

void TextTable::AddNote(size_t from, TableCell note) {
  note.text = Printable(note.text);
  rows_.push_back({{std::move(note)}, /*is_note=*/true, from});
}

std::vector<int> TextTable::Widths(const Terminal& terminal) const {
  std::vector<int> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = DisplayWidth(columns_[i].title);
    for (const Row& row : rows_) {
      if (!row.is_note) width = std::max(width, DisplayWidth(row.cells[i].text));
    }
    widths.push_back(static_cast<int>(width));
  }
  const std::vector<int> natural = widths;
  while (terminal.columns > 0 && TotalOf(widths) > terminal.columns) {
    // The widest column that may still be cut gives one column.
    int widest = -1;
    for (size_t i = 0; i < widths.size(); ++i) {
      const bool can = columns_[i].shrinks && widths[i] > kShrunkMin;
      if (can && (widest < 0 || widths[i] > widths[widest])) widest = static_cast<int>(i);
    }
    if (widest >= 0) {
      --widths[widest];
      continue;
    }
    int leaving = -1;
    for (size_t i = 0; i < widths.size(); ++i) {
      const bool can = widths[i] >= 0 && columns_[i].leaves > 0;
      if (can && (leaving < 0 || columns_[i].leaves > columns_[leaving].leaves))
        leaving = static_cast<int>(i);
    }
    if (leaving < 0) break;
    // What was cut may grow again into the room that this makes.
    for (size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] >= 0) widths[i] = natural[i];
    }
    widths[leaving] = -1;
  }
  return widths;
}

std::string TextTable::Line(const Terminal& terminal, const std::vector<int>& widths,
                            const std::vector<TableCell>& cells) const {
  std::string line, gap;
  const std::string cut = terminal.Mark("…", "..");
  for (size_t i = 0; i < cells.size(); ++i) {
    if (widths[i] < 0) continue;
    const size_t width = static_cast<size_t>(widths[i]);
    const std::string text =
        columns_[i].shrinks ? Shortened(cells[i].text, width, cut) : cells[i].text;
    const size_t used = DisplayWidth(text);
    const std::string room(width > used ? width - used : 0, ' ');
    // Spaces wait until something follows them, so that no line ends in any.
    if (columns_[i].right) gap += room;
    if (!text.empty()) {
      line += std::exchange(gap, "");
      line += terminal.Styled(cells[i].style, text);
    }
    if (!columns_[i].right) gap += room;
    gap.append(kGap, ' ');
  }
  return line + "\n";
}

std::string TextTable::Note(const Terminal& terminal, const std::vector<int>& widths,
                            const Row& row) const {
  std::vector<int> before(widths.begin(), widths.begin() + static_cast<std::ptrdiff_t>(row.from));
  const int indent = row.from == 0 ? 0 : TotalOf(before) + kGap;
  return Paragraph(row.cells[0].text, indent, row.cells[0].style, terminal);
}

std::string TextTable::Render(const Terminal& terminal) const {
  const std::vector<int> widths = Widths(terminal);
  std::vector<TableCell> titles;
  std::string all_titles, text;
  for (const TableColumn& column : columns_) {
    titles.push_back({column.title, Style::kDim});
    all_titles += column.title;
  }
  if (!all_titles.empty()) text += Line(terminal, widths, titles);
  for (const Row& row : rows_)
    text += row.is_note ? Note(terminal, widths, row) : Line(terminal, widths, row.cells);
  return text;
}

}  // namespace strata
