#include "coordinator/store/rotation.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/version_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr char kIncoming[] = ".incoming-";

std::vector<fs::path> Entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    entries.push_back(at->path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type() != fs::file_type::not_found;
}

absl::Status DiscardHalfMade(BranchWriter* writer) {
  for (const char* folder : {"versions", "backups"}) {
    for (const fs::path& entry : Entries(writer->adapters() / folder)) {
      if (!absl::StartsWith(entry.filename().string(), kIncoming)) continue;
      RETURN_IF_ERROR(writer->files()->RemoveTree(entry));
    }
  }
  return absl::OkStatus();
}

// A folder that got its number but not its commit line, and to which no link leads (ReadBranch has
// seen to that: such a link shows that the commit line was lost). It loses the number first, so
// that a kill in between leaves a half-made folder and not a version without a manifest.
absl::Status DiscardUncommitted(BranchWriter* writer) {
  const std::map<Version, std::string> begun = writer->state().begun;
  for (const auto& [version, run] : begun) {
    const fs::path folder = VersionPath(writer->adapters(), version);
    if (writer->state().versions.contains(version) || !Exists(folder)) continue;
    const absl::StatusOr<Manifest> manifest = ReadManifest(folder, nullptr);
    if (!manifest.ok() || manifest->run != run || manifest->version != version) continue;
    const fs::path aside = folder.parent_path() / absl::StrCat(kIncoming, run);
    RETURN_IF_ERROR(writer->files()->Rename(folder, aside));
    RETURN_IF_ERROR(writer->files()->RemoveTree(aside));
  }
  return absl::OkStatus();
}

absl::Status CopyInto(FileSystem* files, const fs::path& from, const fs::path& to) {
  const fs::path incoming = to.parent_path() / absl::StrCat(kIncoming, to.filename().string());
  RETURN_IF_ERROR(files->CreateDirectories(to.parent_path()));
  RETURN_IF_ERROR(files->RemoveTree(incoming));
  RETURN_IF_ERROR(files->CopyTreeDurably(from, incoming));
  return files->Rename(incoming, to);
}

absl::Status MakeOwedBackups(BranchWriter* writer, const std::string& time) {
  const std::set<Version> owing = writer->state().commits_owing_backups;
  for (const Version commit : owing) {
    for (const BackupRecord& backup : writer->state().backups) {
      const fs::path to = BackupPath(writer->adapters(), backup.name);
      const fs::path from = VersionPath(writer->adapters(), backup.version);
      if (backup.committed != commit || Exists(to) || !Exists(from)) continue;
      RETURN_IF_ERROR(CopyInto(writer->files(), from, to));
    }
    RETURN_IF_ERROR(writer->Record("backups", time, BackupsMadeBody(commit)));
  }
  return absl::OkStatus();
}

absl::Status MendLink(BranchWriter* writer, const char* name, Version version) {
  const fs::path link = writer->adapters() / name;
  if (version == Version() || !Exists(VersionPath(writer->adapters(), version))) {
    return absl::OkStatus();
  }
  const fs::path target = fs::path("versions") / VersionName(version);
  std::error_code error;
  if (fs::read_symlink(link, error) == target && !error) return absl::OkStatus();
  return writer->files()->ReplaceSymlink(link, target);
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
  return writer->Record("pruned", time, PruneBody(backups, versions));
}

std::set<Version> Pins(const fs::path& adapters) {
  std::set<Version> pins;
  for (const fs::path& entry : Entries(adapters)) pins.insert(VersionOfLink(adapters, entry));
  return pins;
}

bool Taken(const BranchWriter& writer, const std::string& name) {
  const BranchState& state = writer.state();
  return Exists(BackupPath(writer.adapters(), name)) || state.pruning_backups.contains(name) ||
         std::any_of(state.backups.begin(), state.backups.end(),
                     [&](const BackupRecord& backup) { return backup.name == name; });
}

}  // namespace

absl::Status Mend(BranchWriter* writer, const std::string& time) {
  RETURN_IF_ERROR(DiscardHalfMade(writer));
  RETURN_IF_ERROR(DiscardUncommitted(writer));
  RETURN_IF_ERROR(MakeOwedBackups(writer, time));
  RETURN_IF_ERROR(MendLink(writer, "previous", writer->state().previous));
  RETURN_IF_ERROR(MendLink(writer, "current", writer->state().current));
  return FinishPruning(writer, time);
}

std::vector<BackupRecord> PlanBackups(const BranchWriter& writer, const std::string& compact_time,
                                      const std::string& time) {
  std::string moment = compact_time;
  for (int i = 2;
       Taken(writer, "backup_current_" + moment) || Taken(writer, "backup_previous_" + moment);
       ++i) {
    moment = absl::StrCat(compact_time, "_", i);
  }
  std::vector<BackupRecord> backups;
  const BranchState& state = writer.state();
  if (state.current != Version()) {
    backups.push_back({"backup_current_" + moment, state.current, {}, time});
  }
  if (state.previous != Version()) {
    backups.push_back({"backup_previous_" + moment, state.previous, {}, time});
  }
  return backups;
}

absl::Status Prune(BranchWriter* writer, uint32_t keep_backups, const std::string& time) {
  const BranchState& state = writer->state();
  std::vector<Version> commits;
  for (const BackupRecord& backup : state.backups) {
    if (commits.empty() || commits.back() != backup.committed) commits.push_back(backup.committed);
  }
  const size_t excess = commits.size() > keep_backups ? commits.size() - keep_backups : 0;
  const std::set<Version> old_commits(commits.begin(), commits.begin() + excess);
  std::set<std::string> backups;
  for (const BackupRecord& backup : state.backups) {
    if (old_commits.contains(backup.committed)) backups.insert(backup.name);
  }
  std::set<Version> kept = Pins(writer->adapters());
  kept.insert({state.current, state.previous});
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

absl::Status EnsureWhole(BranchWriter* writer, Version version, const std::string& preferred) {
  const BranchState& state = writer->state();
  const fs::path folder = VersionPath(writer->adapters(), version);
  const Digest& manifest = state.versions.at(version).manifest_sha256;
  if (CheckFolder(folder, manifest, FolderCheck::kHash).empty()) return absl::OkStatus();
  std::vector<std::string> names = {preferred};
  for (const BackupRecord& backup : state.backups) {
    if (backup.version == version) names.push_back(backup.name);
  }
  for (const std::string& name : names) {
    if (name.empty()) continue;
    const fs::path backup = BackupPath(writer->adapters(), name);
    if (!CheckFolder(backup, manifest, FolderCheck::kHash).empty()) continue;
    for (int i = 1; Exists(folder); ++i) {
      const fs::path aside =
          folder.parent_path() / absl::StrCat(".quarantine-", VersionName(version), "-", i);
      if (!Exists(aside)) RETURN_IF_ERROR(writer->files()->Rename(folder, aside));
    }
    return CopyInto(writer->files(), backup, folder);
  }
  return absl::DataLossError(absl::StrCat(VersionName(version),
                                          " is missing or damaged and no backup of it is whole; "
                                          "see `strata verify`"));
}

}  // namespace strata
