#include "coordinator/run/branch_search.h"

#include <algorithm>
#include <set>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

class Search {
 public:
  void Enter(const fs::path& folder, int depth) {
    std::error_code error;
    // A link may lead back to a folder above it, or to one that was seen under another name.
    if (!seen_.insert(fs::weakly_canonical(folder, error)).second) return;
    // Also a link to nowhere: what is broken is to be seen.
    if (fs::exists(fs::symlink_status(folder / "branch.yaml", error))) {
      found_.branches.push_back(folder);
      return;
    }
    if (depth == kBranchDepthMax) return;
    for (const fs::path& below : FoldersIn(folder)) Enter(below, depth + 1);
  }
  FoundBranches Take() {
    std::sort(found_.branches.begin(), found_.branches.end());
    std::sort(found_.unreadable.begin(), found_.unreadable.end());
    return std::move(found_);
  }

 private:
  std::vector<fs::path> FoldersIn(const fs::path& folder) {
    std::vector<fs::path> folders;
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      std::error_code unknown;
      if (entries->is_directory(unknown) && entries->path().filename().native()[0] != '.')
        folders.push_back(entries->path());
    }
    if (error) found_.unreadable.push_back(absl::StrCat(folder.string(), ": ", error.message()));
    // Of two names of one folder the first is kept.
    std::sort(folders.begin(), folders.end());
    return folders;
  }

  std::set<fs::path> seen_;
  FoundBranches found_;
};

}  // namespace

absl::StatusOr<FoundBranches> FindBranches(const fs::path& root) {
  std::error_code error;
  if (!fs::is_directory(root, error))
    return absl::NotFoundError(absl::StrCat("no such folder: ", root.string()));
  Search search;
  search.Enter(root, 0);
  return search.Take();
}

}  // namespace strata
