// Finds what a branch has of the things that options name: datasets, versions, backups, settings.
// Reads names only and answers in milliseconds; given to Complete by the command `__complete`.
#pragma once

#include <string>

#include "coordinator/cli/completion.h"

namespace strata {

// The values of an option of `type` (the constants of command.h) in the branch's folder; nothing
// for another type, or where there is no branch.
Completion ValuesInBranch(const std::string& type, const std::string& branch,
                          const std::string& word);

}  // namespace strata
