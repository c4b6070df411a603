#include "coordinator/cli/branch_folders.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/run/branch_search.h"

namespace strata {

namespace fs = std::filesystem;

absl::Status NoBranchAt(const fs::path& folder) {
  return absl::NotFoundError(absl::StrCat(
      folder.string(), ": no branch.yaml in it or below it; make a branch with strata init DIR"));
}

absl::StatusOr<std::vector<fs::path>> BranchesAt(const fs::path& folder) {
  if (folder.empty())
    return absl::InvalidArgumentError("a folder's name is empty: a variable that is not set?");
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(folder, error);
  ASSIGN_OR_RETURN(FoundBranches found, FindBranches(error ? folder : whole));
  for (const std::string& unreadable : found.unreadable) PrintWarning(unreadable);
  if (!found.branches.empty()) return std::move(found.branches);
  return NoBranchAt(folder);
}

}  // namespace strata
