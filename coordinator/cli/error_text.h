// Shows an error in its parts: what failed, where, and what to do. Takes the one sentence that
// every error of the program is.
//
// Model: a message may begin with its place, "FILE:LINE: " or "--set KEY=VALUE: ", and may end with
// advice: what stands after its last "; ", if that begins as advice does, in the imperative.
// Another ending stays where it is: better no arrow than a false one.
#pragma once

#include <string>
#include <string_view>

#include "coordinator/cli/terminal.h"

namespace strata {

struct ErrorParts {
  std::string what;
  std::string where, advice;  // "" for none
};

ErrorParts PartsOf(std::string_view message);

// "strata: MESSAGE" for a file or a pipe; in a terminal a line or more for each part. Ends with a
// line break.
std::string ErrorText(std::string_view message, const Terminal& terminal);

// To standard error.
void PrintError(std::string_view message);

}  // namespace strata
