// Finds the branches below a folder: each folder with a branch.yaml. Commands that take many
// branches begin here.
//
// Model: folders are gone through by name, a few levels deep, links to folders too. Below a branch
// nothing is looked for; nor in hidden folders. A branch.yaml that links to nowhere is one.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace strata {

struct FoundBranches {
  std::vector<std::filesystem::path> branches;  // `root` itself among them; sorted
  // Folders that cannot be listed, and why; what lies below them is not known. Sorted.
  std::vector<std::string> unreadable;
};

inline constexpr int kBranchDepthMax = 4;  // levels below the root

// NOT_FOUND when `root` is no folder.
absl::StatusOr<FoundBranches> FindBranches(const std::filesystem::path& root);

}  // namespace strata
