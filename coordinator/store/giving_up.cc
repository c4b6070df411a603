#include "coordinator/store/giving_up.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "coordinator/store/copies.h"
#include "coordinator/store/mirror.h"
#include "coordinator/store/recovery_events.h"
#include "coordinator/store/rotation.h"
#include "coordinator/store/version_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

bool IsLost(const BranchWriter& writer, Version version) {
  return version != Version() && !WholeCopyOf(writer.places(), writer.state(), version);
}

// The newest of the ancestors of `version` that is whole somewhere; 0 = none.
Version WholeAncestor(const BranchWriter& writer, Version version) {
  std::vector<const CommittedVersion*> ancestry = writer.state().Ancestry(version);
  std::reverse(ancestry.begin(), ancestry.end());
  for (const CommittedVersion* commit : ancestry) {
    if (commit->version != version && !IsLost(writer, commit->version)) return commit->version;
  }
  return Version();
}

std::set<Version> Judged(const BranchWriter& writer, GiveUp what) {
  const BranchState& state = writer.state();
  std::set<Version> judged = {state.current, state.previous};
  if (what == GiveUp::kCurrent) return judged;
  for (const auto& [pin, version] : state.pins) judged.insert(version);
  for (const BackupRecord& backup : state.backups) judged.insert(backup.version);
  const std::set<Version> folders = NumberedFolders(writer.adapters());
  for (const auto& [version, commit] : state.versions) {
    if (commit.parked || folders.contains(version)) judged.insert(version);
  }
  for (const Version version : state.lost) judged.erase(version);
  for (const Version version : state.pruning_versions) judged.erase(version);
  return judged;
}

std::string Why(const BranchWriter& writer, Version version) {
  const std::vector<std::string> findings =
      CheckFolder(VersionPath(writer.adapters(), version),
                  writer.state().versions.at(version).manifest_sha256, FolderCheck::kHash);
  return findings.empty() ? "it changed while it was read" : findings.front();
}

absl::StatusOr<FallBack> Choose(const BranchWriter& writer, std::set<Version> lost) {
  const BranchState& state = writer.state();
  FallBack chosen;
  chosen.current = state.current;
  chosen.previous = state.previous;
  const bool is_previous_lost = lost.contains(state.previous);
  if (lost.contains(state.current)) {
    const bool has_previous = state.previous != Version() && !is_previous_lost;
    chosen.current = has_previous ? state.previous : WholeAncestor(writer, state.current);
    if (chosen.current == Version()) {
      return absl::DataLossError(absl::StrCat(
          VersionName(state.current),
          " is damaged, and neither of it nor of any version before it is a copy whole: ",
          Why(writer, state.current),
          "; put a copy of one back into versions/, or make the adapter anew: strata rebuild"));
    }
  }
  if (is_previous_lost || chosen.previous == chosen.current)
    chosen.previous = WholeAncestor(writer, chosen.current);
  chosen.why = Why(writer, lost.contains(state.current) ? state.current : *lost.begin());
  for (const BackupRecord& backup : state.backups) {
    if (lost.contains(backup.version)) chosen.backups.insert(backup.name);
  }
  chosen.lost = std::move(lost);
  return chosen;
}

std::vector<std::string> Sentences(const BranchState& before, const FallBack& chosen) {
  std::vector<std::string> said;
  std::vector<std::string> names;
  for (const Version version : chosen.lost) names.push_back(VersionName(version));
  said.push_back(absl::StrCat("no copy of ", absl::StrJoin(names, ", "), " is whole (", chosen.why,
                              "): given up; what is left of it goes into quarantine"));
  if (chosen.current != before.current) {
    std::set<std::string> again;
    for (const CommittedVersion* commit : before.Ancestry(before.current)) {
      if (commit->version <= chosen.current) continue;
      for (const StageResult& stage : commit->stages) again.insert(stage.dataset);
    }
    said.push_back(absl::StrCat(
        "FELL BACK: ", VersionName(chosen.current), " is current in the place of ",
        VersionName(before.current),
        again.empty() ? "" : absl::StrCat("; trained again next: ", absl::StrJoin(again, ", "))));
  }
  if (chosen.previous != before.previous) {
    said.push_back(chosen.previous == Version()
                       ? std::string("there is no previous version any more")
                       : absl::StrCat(VersionName(chosen.previous), " is previous now"));
  }
  return said;
}

// The damaged copies, whose names are given up by the event.
absl::Status SetBackupsAside(BranchWriter* writer, const std::set<std::string>& backups,
                             const std::string& time) {
  for (const std::string& name : backups) {
    RETURN_IF_ERROR(writer->QuarantineAt(time).Take(BackupPath(writer->adapters(), name)).status());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FallBackWhereLost(BranchWriter* writer, GiveUp what,
                                                           const std::string& time) {
  std::set<Version> lost;
  for (const Version version : Judged(*writer, what)) {
    if (IsLost(*writer, version)) lost.insert(version);
  }
  const bool waits = what == GiveUp::kCurrent && !lost.contains(writer->state().current);
  if (lost.empty() || waits) return std::vector<std::string>();
  RETURN_IF_ERROR(CheckMirrorIsThere(writer->places()));
  ASSIGN_OR_RETURN(const FallBack chosen, Choose(*writer, std::move(lost)));
  for (const Version version : {chosen.current, chosen.previous}) {
    if (version != Version()) RETURN_IF_ERROR(EnsureWhole(writer, version, "", time).status());
  }
  std::vector<std::string> said = Sentences(writer->state(), chosen);
  RETURN_IF_ERROR(SetBackupsAside(writer, chosen.backups, time));
  RETURN_IF_ERROR(writer->Record("fallback", time, FallBackBody(chosen)));
  RETURN_IF_ERROR(Mend(writer, time));
  return said;
}

absl::Status SetLostAside(BranchWriter* writer, const std::string& time) {
  const std::set<Version> lost = writer->state().lost;
  for (const Version version : lost) {
    const fs::path folder = VersionPath(writer->adapters(), version);
    const Digest& manifest = writer->state().versions.at(version).manifest_sha256;
    if (!IsNamed(folder) || CheckFolder(folder, manifest, FolderCheck::kHash).empty()) continue;
    RETURN_IF_ERROR(writer->QuarantineAt(time).Take(folder).status());
  }
  return absl::OkStatus();
}

}  // namespace strata
