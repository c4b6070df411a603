#include "coordinator/cli/text_width.h"

#include <algorithm>
#include <cstdint>

namespace strata {
namespace {

struct Range {
  uint32_t first, last;
};

// Combining marks, joiners and selectors that take no column of their own.
constexpr Range kNone[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x064B, 0x065F},
                           {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x2060, 0x2064},
                           {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}};
// East Asian wide and full-width signs, and emoji.
constexpr Range kTwo[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},
                          {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
                          {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F},
                          {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};

template <size_t n>
bool Within(const Range (&ranges)[n], uint32_t sign) {
  return std::any_of(std::begin(ranges), std::end(ranges), [sign](const Range& range) {
    return sign >= range.first && sign <= range.last;
  });
}

struct Sign {
  std::string_view bytes;
  uint32_t code = 0;  // the byte itself where it is not UTF-8
  size_t width() const { return Within(kNone, code) ? 0 : Within(kTwo, code) ? 2 : 1; }
};

// The first sign of a text that is not empty.
Sign First(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  const size_t length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 1;
  if (length == 1 || length > text.size()) return {text.substr(0, 1), lead};
  uint32_t code = lead & (0x7FU >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return {text.substr(0, 1), lead};
    code = (code << 6) | (at(i) & 0x3F);
  }
  return {text.substr(0, length), code};
}

std::vector<Sign> SignsOf(std::string_view text) {
  std::vector<Sign> signs;
  while (!text.empty()) {
    signs.push_back(First(text));
    text.remove_prefix(signs.back().bytes.size());
  }
  return signs;
}

}  // namespace

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  for (const Sign& sign : SignsOf(text)) width += sign.width();
  return width;
}

std::string Printable(std::string_view text) {
  std::string shown;
  for (const Sign& sign : SignsOf(text)) {
    const bool controls = sign.code < 0x20 || (sign.code >= 0x7F && sign.code < 0xA0);
    if (controls) {
      shown += '?';
    } else {
      shown += sign.bytes;
    }
  }
  return shown;
}

std::string Shortened(std::string_view text, size_t columns, std::string_view gap) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  const size_t gap_width = DisplayWidth(gap);
  if (columns <= gap_width) return std::string(columns, '.');
  const size_t kept = columns - gap_width, head_width = (kept + 1) / 2;
  const std::vector<Sign> signs = SignsOf(text);
  std::string head;
  size_t used = 0, next = 0;
  for (; used + signs[next].width() <= head_width; ++next) {
    head += signs[next].bytes;
    used += signs[next].width();
  }
  size_t tail = signs.size();
  while (tail > next && used + signs[tail - 1].width() <= kept) used += signs[--tail].width();
  // A mark without the letter it stands on belongs to what was cut away.
  while (tail < signs.size() && signs[tail].width() == 0) ++tail;
  std::string end;
  for (; tail < signs.size(); ++tail) end += signs[tail].bytes;
  return head + std::string(gap) + end;
}

std::string PadRight(std::string_view text, size_t columns) {
  const size_t width = DisplayWidth(text);
  return std::string(text) + std::string(columns > width ? columns - width : 0, ' ');
}

std::string PadLeft(std::string_view text, size_t columns) {
  const size_t width = DisplayWidth(text);
  return std::string(columns > width ? columns - width : 0, ' ') + std::string(text);
}

std::vector<std::string> Wrapped(std::string_view text, size_t columns) {
  std::vector<std::string> lines = {""};
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::string& line = lines.back();
    const bool fits =
        line.empty() || columns == 0 || DisplayWidth(line) + 1 + DisplayWidth(word) <= columns;
    if (fits) {
      if (!line.empty()) line += ' ';
      line += word;
    } else {
      lines.emplace_back(word);
    }
  }
  return lines;
}

}  // namespace strata
