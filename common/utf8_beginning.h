// Cuts UTF-8 text to a number of bytes without leaving half a character behind: for messages that
// quote what others wrote.
#pragma once

#include <cstddef>
#include <string_view>

namespace strata {

// The longest beginning of `text` that has at most `bytes_max` bytes and ends with a whole
// character. Of what is not UTF-8, up to three bytes less than `bytes_max`.
inline std::string_view Utf8Beginning(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  const auto goes_on = [&](size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
  };
  size_t end = bytes_max;
  while (end > 0 && bytes_max - end < 3 && goes_on(end)) --end;
  return text.substr(0, end);
}

}  // namespace strata
