// Matches file names against a tier's globs.
#pragma once

#include <string_view>

namespace strata {

// * matches any run of characters, ? one character (UTF-8), everything else itself; ASCII letters
// match in either case. Takes at most |glob| × |name| comparisons, whatever the glob.
bool GlobMatches(std::string_view glob, std::string_view name);

}  // namespace strata
