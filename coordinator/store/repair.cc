#include "coordinator/store/repair.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/copies.h"
#include "coordinator/store/giving_up.h"
#include "coordinator/store/mirror.h"
#include "coordinator/store/rotation.h"
#include "coordinator/store/version_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

// Those whose folders are to be there, or are.
std::set<Version> Kept(const BranchWriter& writer) {
  const BranchState& state = writer.state();
  std::set<Version> kept = {state.current, state.previous};
  for (const auto& [pin, version] : state.pins) kept.insert(version);
  const std::set<Version> folders = NumberedFolders(writer.adapters());
  for (const auto& [version, commit] : state.versions) {
    if (commit.parked || folders.contains(version)) kept.insert(version);
  }
  for (const Version version : state.pruning_versions) kept.erase(version);
  kept.erase(Version());
  return kept;
}

absl::Status HealVersions(BranchWriter* writer, const std::string& time,
                          std::vector<std::string>* done) {
  for (const Version version : Kept(*writer)) {
    const absl::StatusOr<std::string> healed = EnsureWhole(writer, version, "", time);
    // What has no whole copy is given up afterwards, all of it at once.
    if (!healed.ok() && !absl::IsDataLoss(healed.status())) return healed.status();
    if (healed.ok() && !healed->empty()) done->push_back(*healed);
  }
  return absl::OkStatus();
}

absl::Status RemakeBackups(BranchWriter* writer, const std::string& time,
                           std::vector<std::string>* done) {
  const std::vector<BackupRecord> backups = writer->state().backups;
  for (const BackupRecord& backup : backups) {
    if (writer->state().commits_owing_backups.contains(backup.committed)) continue;
    const fs::path folder = BackupPath(writer->adapters(), backup.name);
    const Digest& manifest = writer->state().versions.at(backup.version).manifest_sha256;
    const std::vector<std::string> findings = CheckFolder(folder, manifest, FolderCheck::kHash);
    if (findings.empty()) continue;
    const std::optional<fs::path> from =
        WholeCopyOf(writer->places(), writer->state(), backup.version);
    if (!from) continue;
    ASSIGN_OR_RETURN(const fs::path aside,
                     PutCopy(*from, folder, manifest, writer->QuarantineAt(time)));
    done->push_back(absl::StrCat(
        "the backup ", backup.name, " was ",
        aside.empty() ? std::string("missing") : absl::StrCat("damaged (", findings.front(), ")"),
        " and is made again from ", from->string(),
        aside.empty() ? "" : "; the damaged one lies in ", aside.string()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RepairBranch(BranchWriter* writer, const std::string& time,
                          std::vector<std::string>* done) {
  RETURN_IF_ERROR(HealVersions(writer, time, done));
  RETURN_IF_ERROR(RemakeBackups(writer, time, done));
  const absl::StatusOr<std::vector<std::string>> given_up =
      FallBackWhereLost(writer, GiveUp::kAllOfIt, time);
  if (!given_up.ok() && !absl::IsDataLoss(given_up.status())) return given_up.status();
  if (given_up.ok()) done->insert(done->end(), given_up->begin(), given_up->end());
  RETURN_IF_ERROR(Mend(writer, time));
  TellOfMirror(writer, FolderCheck::kHash, time, done);
  return given_up.status();
}

}  // namespace strata
