// Tells which branches a folder on the command line means: itself, or those below it. Taken by the
// commands that have many branches.
#pragma once

#include <filesystem>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace strata {

// NOT_FOUND, and what to do where a folder is no branch and none lies below it.
absl::Status NoBranchAt(const std::filesystem::path& folder);

// The branches that FindBranches has, absolute; a folder that can't be looked into is warned of.
// NOT_FOUND when there is none, INVALID_ARGUMENT for the name "".
absl::StatusOr<std::vector<std::filesystem::path>> BranchesAt(const std::filesystem::path& folder);

}  // namespace strata
