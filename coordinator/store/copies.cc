#include "coordinator/store/copies.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/metadata.h"
#include "coordinator/store/version_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

bool IsTaken(const BranchWriter& writer, const std::string& name) {
  const BranchState& state = writer.state();
  return IsNamed(BackupPath(writer.adapters(), name)) || state.pruning_backups.contains(name) ||
         std::any_of(state.backups.begin(), state.backups.end(),
                     [&](const BackupRecord& backup) { return backup.name == name; });
}

bool IsWhole(const fs::path& folder, const Digest& manifest) {
  return CheckFolder(folder, manifest, FolderCheck::kHash).empty();
}

// `compact_time`, or with a number behind it, so that no backup is called by it yet.
std::string FreeMoment(const BranchWriter& writer, const std::string& compact_time) {
  std::string moment = compact_time;
  for (int i = 2;
       IsTaken(writer, "backup_current_" + moment) || IsTaken(writer, "backup_previous_" + moment);
       ++i) {
    moment = absl::StrCat(compact_time, "_", i);
  }
  return moment;
}

}  // namespace

absl::StatusOr<fs::path> PutCopy(const fs::path& from, const fs::path& to, const Digest& manifest,
                                 const Quarantine& quarantine) {
  FileSystem* const files = quarantine.files();
  const fs::path incoming = to.parent_path() / absl::StrCat(".incoming-", to.filename().string());
  RETURN_IF_ERROR(files->CreateDirectories(to.parent_path()));
  RETURN_IF_ERROR(files->RemoveTree(incoming));
  RETURN_IF_ERROR(files->CopyTreeDurably(from, incoming));
  const std::vector<std::string> findings = CheckFolder(incoming, manifest, FolderCheck::kHash);
  if (!findings.empty()) {
    return absl::DataLossError(
        absl::StrCat("a copy of ", from.string(), " was read back wrong: ", findings.front()));
  }
  return quarantine.Replace(to, incoming);
}

std::optional<fs::path> WholeCopyOf(const BranchPlaces& places, const BranchState& state,
                                    Version version, const std::string& preferred) {
  const fs::path& adapters = places.adapters;
  std::vector<fs::path> folders = {VersionPath(adapters, version)};
  if (!preferred.empty()) folders.insert(folders.begin(), BackupPath(adapters, preferred));
  for (const BackupRecord& backup : state.backups) {
    if (backup.version == version) folders.push_back(BackupPath(adapters, backup.name));
  }
  const Digest& manifest = state.versions.at(version).manifest_sha256;
  if (!places.mirror.empty()) folders.push_back(MirrorPath(places.mirror, version, manifest));
  for (const fs::path& folder : folders) {
    if (IsWhole(folder, manifest)) return folder;
  }
  return std::nullopt;
}

std::vector<BackupRecord> PlanBackups(const BranchWriter& writer, const Candidate& candidate,
                                      const CommittedVersion& commit) {
  const std::string time = Iso8601(candidate.now);
  std::vector<BackupRecord> backups;
  if (candidate.adopted_backups) {
    for (const auto& [name, version] : *candidate.adopted_backups)
      backups.push_back({name, version == Version() ? commit.version : version, {}, time});
    return backups;
  }
  if (commit.parked || candidate.keep_backups == 0) return backups;
  const std::string moment = FreeMoment(writer, CompactTime(candidate.now));
  const BranchState& state = writer.state();
  if (state.current != Version() && WholeCopyOf(writer.places(), state, state.current)) {
    backups.push_back({"backup_current_" + moment, state.current, {}, time});
  }
  if (state.previous != Version() && WholeCopyOf(writer.places(), state, state.previous)) {
    backups.push_back({"backup_previous_" + moment, state.previous, {}, time});
  }
  return backups;
}

absl::Status MakeOwedBackups(BranchWriter* writer, const std::string& time) {
  const std::set<Version> owing = writer->state().commits_owing_backups;
  for (const Version commit : owing) {
    bool all = true;
    for (const BackupRecord& backup : writer->state().backups) {
      if (backup.committed != commit) continue;
      const Digest& manifest = writer->state().versions.at(backup.version).manifest_sha256;
      const fs::path to = BackupPath(writer->adapters(), backup.name);
      if (IsWhole(to, manifest)) continue;
      const std::optional<fs::path> from =
          WholeCopyOf(writer->places(), writer->state(), backup.version);
      all = all && from;
      if (from) RETURN_IF_ERROR(PutCopy(*from, to, manifest, writer->QuarantineAt(time)).status());
    }
    if (all) RETURN_IF_ERROR(writer->Record("backups", time, BackupsMadeBody(commit)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> EnsureWhole(BranchWriter* writer, Version version,
                                        const std::string& preferred, const std::string& time) {
  const fs::path folder = VersionPath(writer->adapters(), version);
  const Digest& manifest = writer->state().versions.at(version).manifest_sha256;
  const std::vector<std::string> findings = CheckFolder(folder, manifest, FolderCheck::kHash);
  if (findings.empty()) return std::string();
  const std::optional<fs::path> from =
      WholeCopyOf(writer->places(), writer->state(), version, preferred);
  if (!from) {
    return absl::DataLossError(
        absl::StrCat(VersionName(version),
                     " is missing or damaged and no copy of it is whole: ", findings.front(),
                     "; `strata verify` lists all, `strata restore previous` or "
                     "another of `strata backups` takes a whole version, `strata rebuild` makes "
                     "the adapter anew"));
  }
  ASSIGN_OR_RETURN(const fs::path aside,
                   PutCopy(*from, folder, manifest, writer->QuarantineAt(time)));
  return absl::StrCat(
      VersionName(version), " was ",
      aside.empty() ? std::string("missing") : absl::StrCat("damaged (", findings.front(), ")"),
      " and is restored from ", from->string(), aside.empty() ? "" : "; the damaged one lies in ",
      aside.string());
}

absl::Status Heal(BranchWriter* writer, const std::string& time, std::vector<std::string>* done) {
  const BranchState& state = writer->state();
  std::vector<Version> needed = {state.previous};
  for (const auto& [pin, version] : state.pins) {
    // Only the two that the next run reads or backs up are worth a hash at each start.
    const fs::path folder = VersionPath(writer->adapters(), version);
    const Digest& manifest = state.versions.at(version).manifest_sha256;
    if (!CheckFolder(folder, manifest, FolderCheck::kSizeAndTime).empty())
      needed.push_back(version);
  }
  std::erase_if(needed, [&](Version version) { return version == state.current; });
  needed.push_back(state.current);
  for (const Version version : needed) {
    if (version == Version()) continue;
    const absl::StatusOr<std::string> healed = EnsureWhole(writer, version, "", time);
    const bool is_current = version == state.current;
    if (!healed.ok() && (is_current || !absl::IsDataLoss(healed.status()))) return healed.status();
    const std::string sentence = healed.ok() ? *healed : std::string(healed.status().message());
    if (!sentence.empty()) done->push_back(sentence);
  }
  return absl::OkStatus();
}

}  // namespace strata
