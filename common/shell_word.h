// Writes names into the command lines that an export prints and keeps in its card.
#pragma once

#include <string>

namespace strata {

// `text` as a POSIX shell takes it for one word: as it is, or between single quotes.
std::string ShellWord(const std::string& text);

}  // namespace strata
