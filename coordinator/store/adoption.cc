#include "coordinator/store/adoption.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/branch_store.h"
#include "coordinator/store/copies.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

fs::path NewFolder(const fs::path& adapters) {
  return adapters.parent_path() / absl::StrCat(".", adapters.filename().string(), ".adopting");
}

// Half made by an Adopt that was killed, and surely no layout that came before: a store makes its
// lock first, its ledger before any folder, and only the folders versions and backups.
bool IsHalfMade(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(fs::symlink_status(folder, error))) return false;
  bool only_ours = true, has_folders = false, is_empty = true;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    const bool is_folder = at->symlink_status(error).type() == fs::file_type::directory;
    is_empty = false;
    has_folders |= is_folder;
    only_ours &= !is_folder || name == "versions" || name == "backups";
  }
  if (error) return false;
  const bool has_lock = IsNamed(folder / ".ledger.lock");
  return is_empty || (has_lock && only_ours && (!has_folders || IsStrataLayout(folder)));
}

absl::Status InTheWay(const fs::path& path) {
  return absl::AlreadyExistsError(absl::StrCat(
      path.string(), " stands where an adoption needs its place; move it away and adopt again"));
}

absl::Status Build(const fs::path& folder, const Adoption& adoption, FileSystem* files) {
  RETURN_IF_ERROR(files->CreateDirectories(folder));
  ASSIGN_OR_RETURN(BranchStore store, BranchStore::Open(folder, files));
  std::vector<Version> versions;
  for (size_t i = 0; i < adoption.adapters; ++i) {
    ASSIGN_OR_RETURN(Candidate candidate, adoption.candidate(i));
    candidate.parent = store.current();
    candidate.adopted_backups.emplace();
    if (i + 1 == adoption.adapters) {
      for (const auto& [name, of] : adoption.backups)
        candidate.adopted_backups->push_back({name, of == i ? Version() : versions[of]});
    }
    ASSIGN_OR_RETURN(const CommitOutcome outcome, store.Commit(candidate));
    if (!outcome.rotation_pending.empty()) return absl::UnavailableError(outcome.rotation_pending);
    versions.push_back(outcome.version);
  }
  for (const auto& [pin, of] : adoption.pins) {
    const auto now = std::chrono::system_clock::now();
    RETURN_IF_ERROR(store.Pin(pin, VersionName(versions[of]), now).status());
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> findings, store.Verify());
  if (findings.empty()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the new folder was read back wrong: ", findings.front()));
}

absl::Status TakeThePlace(const fs::path& adapters, FileSystem* files) {
  const fs::path fresh = NewFolder(adapters), original = OriginalFolder(adapters);
  if (!IsNamed(adapters)) return files->Rename(fresh, adapters);
  const absl::Status exchanged = files->Exchange(fresh, adapters);
  if (exchanged.ok()) return files->Rename(fresh, original);
  if (!absl::IsUnimplemented(exchanged)) return exchanged;
  RETURN_IF_ERROR(files->Rename(adapters, original));
  return files->Rename(fresh, adapters);
}

}  // namespace

fs::path OriginalFolder(const fs::path& adapters) {
  return adapters.parent_path() / absl::StrCat(adapters.filename().string(), ".original");
}

bool IsStrataLayout(const fs::path& adapters) { return IsNamed(adapters / "ledger.jsonl"); }

bool IsBetweenLayouts(const fs::path& adapters) {
  return !IsNamed(adapters) && IsNamed(OriginalFolder(adapters)) &&
         IsStrataLayout(NewFolder(adapters));
}

absl::StatusOr<bool> FinishAdoption(const fs::path& adapters, FileSystem* files) {
  const fs::path fresh = NewFolder(adapters), original = OriginalFolder(adapters);
  if (!IsNamed(fresh)) return false;
  if (IsStrataLayout(adapters) && !IsStrataLayout(fresh) && !IsNamed(original)) {
    RETURN_IF_ERROR(files->Rename(fresh, original));
    return true;
  }
  if (!IsBetweenLayouts(adapters)) return false;
  RETURN_IF_ERROR(files->Rename(fresh, adapters));
  return true;
}

absl::Status Adopt(const fs::path& adapters, const Adoption& adoption, FileSystem* files) {
  const fs::path fresh = NewFolder(adapters);
  if (IsNamed(OriginalFolder(adapters))) return InTheWay(OriginalFolder(adapters));
  if (IsNamed(fresh) && !IsHalfMade(fresh)) return InTheWay(fresh);
  RETURN_IF_ERROR(files->RemoveTree(fresh));
  RETURN_IF_ERROR(Build(fresh, adoption, files));
  return TakeThePlace(adapters, files);
}

}  // namespace strata
