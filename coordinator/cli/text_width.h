// Measures and cuts text by the columns it takes in a terminal, not by its bytes: names may be
// Spanish, or anything.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace strata {

// Columns of UTF-8 text: 0 for combining marks, 2 for East Asian wide signs and emoji, else 1; a
// byte that is not UTF-8 counts as one.
size_t DisplayWidth(std::string_view text);

// Without what would move a cursor or change a terminal: each control sign becomes "?". A file's
// name can hold any.
std::string Printable(std::string_view text);

// At most `columns` wide: the middle gives way to `gap` ("…"), for both ends of a name tell it from
// others.
std::string Shortened(std::string_view text, size_t columns, std::string_view gap);

// `columns` wide at least: spaces at the end, or at the beginning.
std::string PadRight(std::string_view text, size_t columns);
std::string PadLeft(std::string_view text, size_t columns);

// Broken between words into lines of at most `columns`; a longer word stays whole. 0 is no bound.
std::vector<std::string> Wrapped(std::string_view text, size_t columns);

}  // namespace strata
