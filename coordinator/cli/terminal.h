// Knows what an output can show: whether it may be drawn over, how wide it is, colours and UTF-8.
// Taken by everything in this folder that prints for people.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace strata {

// Colours carry meaning and never alone: a word or a mark says the same.
enum class Style { kPlain, kBold, kDim, kRed, kGreen, kYellow, kBlue, kMagenta, kCyan };

struct Terminal {
  bool draws = false;   // lines may be drawn over; never on TERM=dumb
  bool colour = false;  // NO_COLOR, else CLICOLOR_FORCE and FORCE_COLOR, else `draws`
  bool utf8 = false;    // by LC_ALL, LC_CTYPE, LANG; without it marks and bars are ASCII
  int columns = 0;      // 0 is no bound: a file, a pipe

  // Of standard output or standard error, now: a window may be resized.
  static Terminal Of(int descriptor);
  // The decision alone. `columns` is what the device says, 0 when it does not; `variable` gives an
  // environment variable, or null.
  static Terminal Decide(bool is_device, int columns,
                         const std::function<const char*(const char*)>& variable);

  // `text` in the style; as it is without colours.
  std::string Styled(Style style, std::string_view text) const;
  // The first where UTF-8 can be shown, else the second.
  std::string Mark(std::string_view utf8_mark, std::string_view ascii_mark) const;
};

}  // namespace strata
