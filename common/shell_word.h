// Writes names into lines that a shell reads: job scripts, crontabs, commands shown to people.
#pragma once

#include <string>
#include <vector>

namespace strata {

// `text` as a POSIX shell takes it for one word: as it is, or between single quotes.
std::string ShellWord(const std::string& text);

// Each as one word, with `between` between them.
std::string ShellWords(const std::vector<std::string>& texts, const char* between = " ");

}  // namespace strata
