// Tells which branches a folder on the command line means: itself, or those below it. Taken by the
// commands of Slurm.
#pragma once

#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"

namespace strata {

// The branches that FindBranches has, absolute; a folder that can't be looked into is warned of.
// NOT_FOUND when there is none.
absl::StatusOr<std::vector<std::filesystem::path>> BranchesAt(const std::filesystem::path& folder);

}  // namespace strata
