#include "coordinator/store/found_branch.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "coordinator/store/found_version.h"
#include "coordinator/store/links.h"
#include "coordinator/store/version_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> FoldersIn(const fs::path& folder) {
  std::vector<fs::path> folders;
  std::error_code error, of_entry;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->symlink_status(of_entry).type() == fs::file_type::directory)
      folders.push_back(at->path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

// "backup_current_20251031_104042_2" was made at 2025-10-31T10:40:42Z.
std::string TimeOfBackup(const std::string& name) {
  const std::string digits = name.substr(name.find("_", name.find("_") + 1) + 1);
  return absl::StrCat(digits.substr(0, 4), "-", digits.substr(4, 2), "-", digits.substr(6, 2), "T",
                      digits.substr(9, 2), ":", digits.substr(11, 2), ":", digits.substr(13, 2),
                      "Z");
}

// One search, from the folders to the events.
class Search {
 public:
  explicit Search(const FoundRequest& request)
      : request_(request), adapters_(request.places.adapters) {}
  absl::StatusOr<FoundBranch> Run();

 private:
  void Say(const std::string& sentence) { found_.sentences.push_back(sentence); }
  bool Take(const fs::path& folder, Version expected);
  void TakeVersions();
  void TakeBackups();
  void TakeFromMirror(Version version);
  bool IsKnown(Version version) const { return found_.state.versions.contains(version); }
  absl::Status Record(const std::string& kind, const std::string& time, Json body);
  absl::Status RecordCommits();
  void ChooseNames();
  void ChooseHeld();
  void SayWhatIsUnknown();

  const FoundRequest& request_;
  const fs::path& adapters_;
  std::map<Version, CommittedVersion> versions_;  // that the believed part does not know
  std::vector<BackupRecord> backups_;
  Rebuilt rebuilt_;
  FoundBranch found_;
};

// Whether the folder is a whole copy of a version as it is known from now on. `expected` 0 = of
// any.
bool Search::Take(const fs::path& folder, Version expected) {
  absl::StatusOr<CommittedVersion> commit = ReadFoundVersion(folder);
  if (commit.ok() && expected != Version() && commit->version != expected)
    commit =
        absl::DataLossError(absl::StrCat(folder.string(), " holds ", VersionName(commit->version)));
  if (!commit.ok()) {
    Say(absl::StrCat("refused: ", commit.status().message()));
    return false;
  }
  const CommittedVersion& known =
      IsKnown(commit->version) ? found_.state.versions.at(commit->version)
                               : versions_.try_emplace(commit->version, *commit).first->second;
  return known.manifest_sha256 == commit->manifest_sha256;
}

void Search::TakeVersions() {
  for (const Version version : NumberedFolders(adapters_)) {
    // What the ledger vouches for is judged by it.
    if (!IsKnown(version)) Take(VersionPath(adapters_, version), version);
  }
}

void Search::TakeBackups() {
  std::set<std::string> known = found_.state.pruning_backups;
  for (const BackupRecord& backup : found_.state.backups) known.insert(backup.name);
  for (const fs::path& folder : FoldersIn(adapters_ / "backups")) {
    const std::string name = folder.filename().string();
    if (!IsBackupName(name) || known.contains(name)) continue;
    if (!Take(folder, Version())) continue;
    const absl::StatusOr<Manifest> manifest = ReadManifest(folder, nullptr);
    if (manifest.ok()) backups_.push_back({name, manifest->version, {}, TimeOfBackup(name)});
  }
  std::stable_sort(backups_.begin(), backups_.end(),
                   [](const BackupRecord& a, const BackupRecord& b) { return a.time < b.time; });
}

void Search::TakeFromMirror(Version version) {
  if (version == Version() || IsKnown(version) || versions_.contains(version)) return;
  std::vector<fs::path> copies;
  for (const fs::path& folder : FoldersIn(request_.places.mirror)) {
    if (folder.filename().string().starts_with(VersionName(version) + "-"))
      copies.push_back(folder);
  }
  if (copies.size() == 1) Take(copies.front(), version);
}

absl::Status Search::Record(const std::string& kind, const std::string& time, Json body) {
  found_.events.push_back({found_.events.size() + 1, kind, time, std::move(body)});
  ASSIGN_OR_RETURN(found_.state, Fold(found_.events));
  return absl::OkStatus();
}

// Parents first, since a parent has the lower number. The stages that a version's ancestors have
// are theirs; where its parent is gone, its lineage begins with it and it keeps them all.
absl::Status Search::RecordCommits() {
  for (auto& [version, commit] : versions_) {
    if (!IsKnown(commit.parent)) commit.parent = Version();
    for (const CommittedVersion* ancestor : found_.state.Ancestry(commit.parent)) {
      for (const StageResult& theirs : ancestor->stages) {
        std::erase_if(commit.stages, [&](const StageResult& stage) {
          return stage.sha256 == theirs.sha256 && stage.pass == theirs.pass &&
                 stage.dataset == theirs.dataset;
        });
      }
    }
    RETURN_IF_ERROR(Record("commit", commit.time, CommitBody(commit, {})));
  }
  return absl::OkStatus();
}

void Search::ChooseNames() {
  const BranchState& state = found_.state;
  const auto whole = [&](Version version) { return IsKnown(version) ? version : Version(); };
  rebuilt_.current = whole(VersionOfLink(adapters_, adapters_ / "current"));
  rebuilt_.previous = whole(VersionOfLink(adapters_, adapters_ / "previous"));
  if (rebuilt_.current == Version()) {
    const Version led = VersionOfLink(adapters_, adapters_ / "current");
    rebuilt_.current = state.current != Version() ? state.current : state.versions.rbegin()->first;
    Say(absl::StrCat(led == Version() ? "current leads to no version"
                                      : absl::StrCat(VersionName(led), " is not whole"),
                     ": ", VersionName(rebuilt_.current), " is current now"));
  }
  if (rebuilt_.previous == Version() || rebuilt_.previous == rebuilt_.current)
    rebuilt_.previous = whole(state.versions.at(rebuilt_.current).parent);
  for (const CommittedVersion* commit : state.Ancestry(rebuilt_.current))
    rebuilt_.placed.insert(commit->version);
  const std::set<Version> folders = NumberedFolders(adapters_);
  for (const auto& [version, commit] : versions_) {
    if (!folders.contains(version)) rebuilt_.placed.insert(version);
  }
}

// As a restore would have held them: what other versions have learnt and current has not.
void Search::ChooseHeld() {
  const BranchState& state = found_.state;
  std::set<std::string> names;
  const auto hold = [&](Version from) {
    for (const Digest& content : state.Undone(from, rebuilt_.current))
      rebuilt_.held.insert(content);
  };
  for (const auto& [version, commit] : versions_) hold(version);
  if (state.current != Version()) hold(state.current);
  for (const auto& [version, commit] : state.versions) {
    for (const StageResult& stage : commit.stages) {
      if (rebuilt_.held.contains(stage.sha256)) names.insert(stage.dataset);
    }
  }
  if (!names.empty()) {
    Say(absl::StrCat("held, since current does not have them: ", absl::StrJoin(names, ", "),
                     "; strata release lets them be trained"));
  }
}

void Search::SayWhatIsUnknown() {
  std::vector<std::string> names;
  for (const auto& [version, commit] : versions_) names.push_back(VersionName(version));
  Say(absl::StrCat("the ledger is made anew: ", request_.believed.size(),
                   " of its events could be believed, ",
                   names.empty() ? "no version" : absl::StrJoin(names, ", "), " and ",
                   rebuilt_.backups.size(), " backups were read back from their folders; ",
                   VersionName(rebuilt_.current), " is current"));
  Say("what no folder tells is gone with the lines that were lost: exclusions (strata exclude), "
      "what was held or released, and which pins strata made (their links keep their versions as "
      "before)");
}

absl::StatusOr<FoundBranch> Search::Run() {
  found_.events = request_.believed;
  ASSIGN_OR_RETURN(found_.state, Fold(found_.events));
  TakeVersions();
  TakeBackups();
  TakeFromMirror(VersionOfLink(adapters_, adapters_ / "current"));
  TakeFromMirror(VersionOfLink(adapters_, adapters_ / "previous"));
  RETURN_IF_ERROR(RecordCommits());
  if (found_.state.versions.empty()) {
    return absl::DataLossError(
        absl::StrCat("no version of this branch is whole, so its ledger cannot be made anew: ",
                     found_.sentences.empty() ? "there is none" : found_.sentences.front(),
                     "; put a copy of ", adapters_.string(), " back"));
  }
  ChooseNames();
  ChooseHeld();
  for (BackupRecord& backup : backups_) {
    if (!IsKnown(backup.version)) continue;
    backup.committed = rebuilt_.current;
    rebuilt_.backups.push_back(backup);
  }
  rebuilt_.why = request_.why;
  rebuilt_.kept_aside = request_.kept_aside;
  RETURN_IF_ERROR(Record("rebuilt", request_.time, RebuiltBody(rebuilt_)));
  SayWhatIsUnknown();
  return std::move(found_);
}

}  // namespace

absl::StatusOr<FoundBranch> FindBranch(const FoundRequest& request) {
  return Search(request).Run();
}

}  // namespace strata
