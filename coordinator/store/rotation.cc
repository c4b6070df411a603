#include "coordinator/store/rotation.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/copies.h"
#include "coordinator/store/giving_up.h"
#include "coordinator/store/links.h"
#include "coordinator/store/version_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr char kIncoming[] = ".incoming-";

// What was renamed or removed there becomes durable, whoever did it.
absl::Status FsyncFolders(BranchWriter* writer) {
  for (const char* folder : {"versions", "backups"}) {
    if (!IsNamed(writer->adapters() / folder)) continue;
    RETURN_IF_ERROR(writer->files()->FsyncDirectory(writer->adapters() / folder));
  }
  return absl::OkStatus();
}

// Only what the ledger has named may be half made: of a run that began, a version, a backup.
absl::Status DiscardHalfMade(BranchWriter* writer) {
  const BranchState& state = writer->state();
  const fs::path versions = writer->adapters() / "versions",
                 backups = writer->adapters() / "backups";
  std::vector<fs::path> half_made;
  for (const auto& [version, run] : state.begun) half_made.push_back(versions / (kIncoming + run));
  for (const auto& [version, commit] : state.versions)
    half_made.push_back(versions / (kIncoming + VersionName(version)));
  for (const BackupRecord& backup : state.backups)
    half_made.push_back(backups / (kIncoming + backup.name));
  for (const fs::path& folder : half_made) RETURN_IF_ERROR(writer->files()->RemoveTree(folder));
  return absl::OkStatus();
}

// A folder that got its number but not its commit line, and to which no link leads (ReadBranch has
// seen to that: such a link shows that the commit line was lost). It loses the number first, so
// that a kill in between leaves a half-made folder and not a version without a manifest.
absl::Status DiscardUncommitted(BranchWriter* writer) {
  const std::map<Version, std::string> begun = writer->state().begun;
  for (const auto& [version, run] : begun) {
    const fs::path folder = VersionPath(writer->adapters(), version);
    if (writer->state().versions.contains(version) || !IsNamed(folder)) continue;
    const absl::StatusOr<Manifest> manifest = ReadManifest(folder, nullptr);
    if (!manifest.ok() || manifest->run != run || manifest->version != version) continue;
    const fs::path aside = folder.parent_path() / absl::StrCat(kIncoming, run);
    RETURN_IF_ERROR(writer->files()->Rename(folder, aside));
    RETURN_IF_ERROR(writer->files()->RemoveTree(aside));
  }
  return absl::OkStatus();
}

absl::Status FinishPruning(BranchWriter* writer, const std::string& time) {
  const std::set<std::string> backups = writer->state().pruning_backups;
  const std::set<Version> versions = writer->state().pruning_versions;
  if (backups.empty() && versions.empty()) return absl::OkStatus();
  for (const std::string& name : backups) {
    RETURN_IF_ERROR(writer->files()->RemoveTree(BackupPath(writer->adapters(), name)));
  }
  for (const Version version : versions) {
    RETURN_IF_ERROR(writer->files()->RemoveTree(VersionPath(writer->adapters(), version)));
  }
  // What a power loss brings back after "pruned" is written would never be deleted again.
  RETURN_IF_ERROR(FsyncFolders(writer));
  return writer->Record("pruned", time, PruneBody(backups, versions));
}

// Backups that are kept or go together: the pair that a commit made; of an adoption's, which one
// commit made, each pair.
std::pair<Version, std::string> PairOf(const BackupRecord& backup) {
  const size_t kind = backup.name.find('_');
  return {backup.committed, backup.name.substr(backup.name.find('_', kind + 1))};
}

}  // namespace

absl::Status Mend(BranchWriter* writer, const std::string& time) {
  // A writer killed between a rename and its fsync leaves what looks done and is not yet. (Begin
  // has fsynced the folder of the links.)
  RETURN_IF_ERROR(FsyncFolders(writer));
  RETURN_IF_ERROR(DiscardHalfMade(writer));
  RETURN_IF_ERROR(DiscardUncommitted(writer));
  RETURN_IF_ERROR(MakeOwedBackups(writer, time));
  RETURN_IF_ERROR(MendLinks(writer, time));
  RETURN_IF_ERROR(SetLostAside(writer, time));
  return FinishPruning(writer, time);
}

absl::Status Prune(BranchWriter* writer, uint32_t keep_backups, const std::string& time) {
  const BranchState& state = writer->state();
  std::vector<std::pair<Version, std::string>> pairs;
  for (const BackupRecord& backup : state.backups) {
    if (pairs.empty() || pairs.back() != PairOf(backup)) pairs.push_back(PairOf(backup));
  }
  const size_t excess = pairs.size() > keep_backups ? pairs.size() - keep_backups : 0;
  const std::set<std::pair<Version, std::string>> old(pairs.begin(), pairs.begin() + excess);
  std::set<std::string> backups;
  for (const BackupRecord& backup : state.backups) {
    if (old.contains(PairOf(backup))) backups.insert(backup.name);
  }
  std::set<Version> kept = {state.current, state.previous};
  for (const auto& [pin, version] : state.pins) kept.insert(version);
  for (const auto& [link, version] : LinksByHand(writer->adapters(), state)) kept.insert(version);
  for (const BackupRecord& backup : state.backups) {
    if (state.commits_owing_backups.contains(backup.committed)) kept.insert(backup.version);
  }
  std::set<Version> versions;
  for (const Version version : NumberedFolders(writer->adapters())) {
    const auto known = state.versions.find(version);
    if (known == state.versions.end() || known->second.parked || kept.contains(version)) continue;
    versions.insert(version);
  }
  if (backups.empty() && versions.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(writer->Record("prune", time, PruneBody(backups, versions)));
  return FinishPruning(writer, time);
}

}  // namespace strata
