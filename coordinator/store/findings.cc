#include "coordinator/store/findings.h"

#include "absl/strings/str_cat.h"
#include "coordinator/store/mirror.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

void CheckLink(const fs::path& adapters, const std::string& name, Version version,
               std::vector<std::string>* findings) {
  const fs::path link = adapters / name;
  std::error_code error;
  const bool exists = fs::symlink_status(link, error).type() != fs::file_type::not_found;
  if (version == Version()) {
    if (!exists) return;
    const bool is_adapter = fs::exists(link / "adapter_config.json", error) &&
                            !fs::is_symlink(fs::symlink_status(link, error));
    findings->push_back(absl::StrCat(
        link.string(), " should not be there: the ledger knows no ", name, " version",
        is_adapter ? "; it is of the layout before strata's, which strata adopt takes over" : ""));
  } else if (VersionOfLink(adapters, link) != version) {
    findings->push_back(absl::StrCat(link.string(), " does not lead to ", VersionName(version),
                                     ", as the ledger says"));
  }
}

void Add(std::vector<std::string> more, std::vector<std::string>* findings) {
  for (std::string& finding : more) findings->push_back(std::move(finding));
}

}  // namespace

std::vector<std::string> FindingsOf(const BranchPlaces& places, const BranchState& state,
                                    const absl::Status& damage, FolderCheck depth) {
  const fs::path& adapters = places.adapters;
  if (!damage.ok()) return {std::string(damage.message())};
  std::vector<std::string> findings;
  CheckLink(adapters, "current", state.current, &findings);
  CheckLink(adapters, "previous", state.previous, &findings);
  std::set<Version> needed = {state.current, state.previous};
  for (const auto& [pin, version] : state.pins) {
    CheckLink(adapters, pin, version, &findings);
    needed.insert(version);
  }
  const std::set<Version> folders = NumberedFolders(adapters);
  for (const auto& [version, commit] : state.versions) {
    if (state.pruning_versions.contains(version)) continue;
    if (!commit.parked && !needed.contains(version) && !folders.contains(version)) continue;
    // What was given up is missed by nobody, but where a pin still names it.
    if (state.lost.contains(version) && !needed.contains(version)) continue;
    Add(CheckFolder(VersionPath(adapters, version), commit.manifest_sha256, depth), &findings);
  }
  for (const BackupRecord& backup : state.backups) {
    if (state.commits_owing_backups.contains(backup.committed)) {
      findings.push_back(absl::StrCat("the backup ", backup.name, " is not complete yet"));
      continue;
    }
    const auto commit = state.versions.find(backup.version);
    if (commit == state.versions.end()) continue;
    Add(CheckFolder(BackupPath(adapters, backup.name), commit->second.manifest_sha256, depth),
        &findings);
  }
  for (const Version version : folders) {
    if (state.versions.contains(version)) continue;
    findings.push_back(absl::StrCat(VersionPath(adapters, version).string(),
                                    " is not in the ledger; it is left alone"));
  }
  Add(MirrorFindings(places, state, depth), &findings);
  return findings;
}

}  // namespace strata
