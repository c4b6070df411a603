#include "coordinator/store/branch_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/copies.h"
#include "coordinator/store/findings.h"
#include "coordinator/store/metadata.h"
#include "coordinator/store/mirror.h"
#include "coordinator/store/room.h"
#include "coordinator/store/rotation.h"
#include "coordinator/store/version_name.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

Version NextVersion(const BranchWriter& writer) {
  Version last;
  for (const auto& [version, commit] : writer.state().versions) last = std::max(last, version);
  for (const Version version : NumberedFolders(writer.adapters())) last = std::max(last, version);
  return Version(last.value() + 1);
}

absl::StatusOr<Inheritance> InheritanceFrom(const BranchWriter& writer,
                                            const Candidate& candidate) {
  if (candidate.origin) return Inheritance{MetadataFromElsewhere(candidate.origin->metadata), {}};
  if (candidate.fresh_lineage || candidate.parent == Version()) return Inheritance{};
  const auto parent = writer.state().versions.find(candidate.parent);
  if (parent == writer.state().versions.end()) {
    return absl::FailedPreconditionError(absl::StrCat("the candidate continues ",
                                                      VersionName(candidate.parent),
                                                      ", which was never committed here"));
  }
  if (parent->second.base_fingerprint != candidate.base_fingerprint) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the base model has changed: ", VersionName(candidate.parent), " was trained on ",
        parent->second.base_fingerprint.Hex(), ", this run on ", candidate.base_fingerprint.Hex()));
  }
  const fs::path folder = VersionPath(writer.adapters(), candidate.parent);
  const Digest& manifest = parent->second.manifest_sha256;
  Inheritance inheritance;
  ASSIGN_OR_RETURN(inheritance.metadata, ReadMetadataFile(folder, manifest));
  ASSIGN_OR_RETURN(inheritance.examples, ReadExamplesFile(folder, manifest));
  return inheritance;
}

// For the version alone: the backups and the mirror follow the commit, and what they lack room for
// is put off and said.
absl::Status CheckRoomFor(const BranchWriter& writer, const Candidate& candidate) {
  const fs::path parent = VersionPath(writer.adapters(), ParentOf(candidate));
  std::error_code error;
  uint64_t examples = fs::file_size(parent / "trained_examples.bin", error);
  if (error) examples = 0;
  for (const auto& [name, digests] : candidate.examples)
    examples += name.size() + digests.size() * sizeof(ExampleDigest);
  return CheckRoom({RoomForVersion(writer.adapters() / "versions",
                                   candidate.adapter.size() * sizeof(float), examples)},
                   writer.files());
}

CommittedVersion CommitOf(const Candidate& candidate, Version version) {
  CommittedVersion commit;
  commit.version = version;
  commit.parent = ParentOf(candidate);
  commit.run = candidate.run.value();
  commit.adapter_digest = candidate.digest;
  commit.base_fingerprint = candidate.base_fingerprint;
  commit.imported = candidate.origin.has_value();
  for (const StageResult& stage : candidate.stages) {
    if (stage.trained()) commit.stages.push_back(stage);
  }
  return commit;
}

// The hash of the manifest of a folder that has proven itself and got its number.
absl::StatusOr<Digest> WriteVersion(BranchWriter* writer, const Candidate& candidate,
                                    Version version) {
  ASSIGN_OR_RETURN(const Inheritance inheritance, InheritanceFrom(*writer, candidate));
  RETURN_IF_ERROR(
      writer->Record("begin", Iso8601(candidate.now), BeginBody(version, candidate.run.value())));
  const fs::path incoming =
      writer->adapters() / "versions" / absl::StrCat(".incoming-", candidate.run.value());
  ASSIGN_OR_RETURN(const Digest manifest,
                   WriteVersionFolder(incoming, candidate, version, inheritance, writer->files()));
  RETURN_IF_ERROR(GateVersionFolder(incoming, manifest, candidate));
  RETURN_IF_ERROR(writer->files()->Rename(incoming, VersionPath(writer->adapters(), version)));
  return manifest;
}

}  // namespace

BranchStore::BranchStore(BranchPlaces places, FileSystem* files, BranchSnapshot snapshot)
    : places_(std::move(places)),
      files_(files),
      state_(std::move(snapshot.state)),
      damage_(std::move(snapshot.damage)) {}

absl::StatusOr<BranchStore> BranchStore::Open(fs::path adapters, FileSystem* files,
                                              fs::path mirror) {
  ASSIGN_OR_RETURN(BranchSnapshot snapshot, ReadBranch(adapters));
  return BranchStore({std::move(adapters), std::move(mirror)}, files, std::move(snapshot));
}

void BranchStore::Follow(const BranchWriter& writer) {
  state_ = writer.state();
  damage_ = absl::OkStatus();
}

absl::StatusOr<const CommittedVersion*> BranchStore::Known(Version version) const {
  RETURN_IF_ERROR(damage_);
  const auto at = state_.versions.find(version);
  if (at != state_.versions.end()) return &at->second;
  return absl::NotFoundError(absl::StrCat(VersionName(version), " was never committed here"));
}

std::vector<Version> BranchStore::Parked() const {
  std::vector<Version> parked;
  for (const auto& [version, commit] : state_.versions) {
    if (commit.parked) parked.push_back(version);
  }
  return parked;
}

absl::StatusOr<Lineage> BranchStore::LineageWithoutExamples() const {
  RETURN_IF_ERROR(damage_);
  return LineageOf(state_);
}

absl::StatusOr<Lineage> BranchStore::LineageOfCurrent() const {
  ASSIGN_OR_RETURN(Lineage lineage, LineageWithoutExamples());
  if (state_.current == Version()) return lineage;
  const Digest& manifest = state_.versions.at(state_.current).manifest_sha256;
  ASSIGN_OR_RETURN(lineage.examples, ReadExamplesFile(VersionDir(state_.current), manifest));
  return lineage;
}

absl::StatusOr<std::vector<float>> BranchStore::ReadAdapter(Version version,
                                                            const AdapterLayout& layout) const {
  ASSIGN_OR_RETURN(const CommittedVersion* commit, Known(version));
  return ReadAdapterFile(VersionDir(version), layout, commit->adapter_digest);
}

absl::StatusOr<Json> BranchStore::Metadata(Version version) const {
  ASSIGN_OR_RETURN(const CommittedVersion* commit, Known(version));
  return ReadMetadataFile(VersionDir(version), commit->manifest_sha256);
}

absl::StatusOr<Json> BranchStore::Metadata(const StoredVersion& stored) const {
  ASSIGN_OR_RETURN(const CommittedVersion* commit, Known(stored.version));
  return ReadMetadataFile(stored.folder, commit->manifest_sha256);
}

std::optional<Digest> BranchStore::BaseFingerprintOf(Version version) const {
  const auto at = state_.versions.find(version);
  if (at == state_.versions.end()) return std::nullopt;
  return at->second.base_fingerprint;
}

absl::StatusOr<StoredVersion> BranchStore::Find(const std::string& name) const {
  RETURN_IF_ERROR(damage_);
  if (name == "current" && state_.current == Version()) {
    return absl::NotFoundError("this branch has no adapter yet: strata train makes its first");
  }
  ASSIGN_OR_RETURN(const NamedVersion found, VersionNamed(places_.adapters, state_, name));
  const std::optional<fs::path> folder = WholeCopyOf(places_, state_, found.version, found.backup);
  if (!folder) {
    const std::vector<std::string> findings =
        CheckFolder(VersionDir(found.version), state_.versions.at(found.version).manifest_sha256,
                    FolderCheck::kHash);
    return absl::DataLossError(absl::StrCat(
        VersionName(found.version), " is missing or damaged and no copy of it is whole: ",
        findings.empty() ? "it changed while it was read" : findings.front(),
        "; `strata verify` lists all that is damaged"));
  }
  ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(*folder, nullptr));
  return StoredVersion{found.version, *folder, std::move(manifest)};
}

std::optional<Digest> BranchStore::AdapterDigestOf(Version version) const {
  const auto at = state_.versions.find(version);
  if (at == state_.versions.end()) return std::nullopt;
  return at->second.adapter_digest;
}

absl::StatusOr<CommitOutcome> BranchStore::Commit(const Candidate& candidate) {
  RETURN_IF_ERROR(CheckCandidate(candidate));
  ASSIGN_OR_RETURN(BranchWriter writer, BranchWriter::Begin(places_, files_));
  const absl::Status mended = Mend(&writer, Iso8601(candidate.now));
  absl::Status rotated = mended;
  if (writer.state().CommitOfRun(candidate.run.value()) == nullptr) {
    RETURN_IF_ERROR(mended);
    RETURN_IF_ERROR(CommitNew(&writer, candidate, &rotated));
  }
  Follow(writer);
  CommitOutcome outcome = OutcomeOf(candidate.run.value(), rotated);
  const absl::Status mirrored =
      UpdateMirror(&writer, FolderCheck::kSizeAndTime, Iso8601(candidate.now)).status();
  if (!mirrored.ok()) outcome.mirror_pending = MirrorIsBehind(places_, mirrored);
  return outcome;
}

absl::Status BranchStore::CommitNew(BranchWriter* writer, const Candidate& candidate,
                                    absl::Status* rotated) {
  const std::string now = Iso8601(candidate.now);
  const Version version = NextVersion(*writer);
  if (version == Version()) return absl::FailedPreconditionError("no version number is left");
  RETURN_IF_ERROR(CheckRoomFor(*writer, candidate));
  CommittedVersion commit = CommitOf(candidate, version);
  ASSIGN_OR_RETURN(commit.manifest_sha256, WriteVersion(writer, candidate, version));
  commit.parked = candidate.parent != writer->state().current;
  const std::vector<BackupRecord> backups = PlanBackups(*writer, candidate, commit);
  RETURN_IF_ERROR(writer->Record("commit", now, CommitBody(commit, backups)));
  *rotated = Mend(writer, now);
  if (rotated->ok() && !candidate.adopted_backups) {
    *rotated = Prune(writer, candidate.keep_backups, now);
  }
  return absl::OkStatus();
}

CommitOutcome BranchStore::OutcomeOf(const std::string& run, absl::Status rotated) const {
  const CommittedVersion* commit = state_.CommitOfRun(run);
  CommitOutcome outcome;
  outcome.version = commit->version;
  outcome.parked = commit->parked;
  for (const BackupRecord& backup : state_.backups) {
    if (backup.committed == commit->version) outcome.backups.push_back(backup.name);
  }
  absl::StatusOr<Json> metadata =
      ReadMetadataFile(VersionDir(commit->version), commit->manifest_sha256);
  if (metadata.ok()) outcome.metadata = *std::move(metadata);
  if (rotated.ok() && !metadata.ok()) rotated = metadata.status();
  if (!rotated.ok()) {
    outcome.rotation_pending =
        absl::StrCat(VersionName(commit->version),
                     " is committed; what follows a commit (backups, links, pruning) was cut short "
                     "and is finished at the next start: ",
                     rotated.message());
  }
  return outcome;
}

absl::StatusOr<Version> BranchStore::Restore(const std::string& name, Time now) {
  ASSIGN_OR_RETURN(BranchWriter writer, BranchWriter::Begin(places_, files_));
  const std::string time = Iso8601(now);
  RETURN_IF_ERROR(Mend(&writer, time));
  ASSIGN_OR_RETURN(const NamedVersion target,
                   VersionNamed(writer.adapters(), writer.state(), name));
  RETURN_IF_ERROR(EnsureWhole(&writer, target.version, target.backup, time).status());
  if (target.version != writer.state().current) {
    const std::set<Digest> held = writer.state().Undone(writer.state().current, target.version);
    RETURN_IF_ERROR(writer.Record("restore", time, RestoreBody(target.version, name, held)));
  }
  const absl::Status linked = Mend(&writer, time);
  Follow(writer);
  RETURN_IF_ERROR(linked);
  return target.version;
}

absl::StatusOr<std::vector<BackupInfo>> BranchStore::Backups() const {
  RETURN_IF_ERROR(damage_);
  std::vector<BackupInfo> backups;
  for (const BackupRecord& record : state_.backups) {
    BackupInfo info{record.name, record.version, record.time, 0};
    const absl::StatusOr<Manifest> manifest =
        ReadManifest(BackupPath(places_.adapters, record.name), nullptr);
    if (manifest.ok()) {
      for (const auto& [name, file] : manifest->files) info.bytes += file.bytes;
    }
    backups.push_back(std::move(info));
  }
  return backups;
}

absl::StatusOr<std::optional<RunReport>> BranchStore::ReportOfNewest() const {
  RETURN_IF_ERROR(damage_);
  const auto newest = std::find_if(state_.versions.rbegin(), state_.versions.rend(),
                                   [](const auto& known) { return !known.second.imported; });
  if (newest == state_.versions.rend()) return std::nullopt;
  const CommittedVersion& commit = newest->second;
  std::vector<std::string> backups;
  for (const BackupRecord& backup : state_.backups) {
    if (backup.committed == commit.version) backups.push_back(backup.name);
  }
  ASSIGN_OR_RETURN(const Json metadata, Metadata(commit.version));
  return ReportOf(commit, backups, metadata);
}

std::vector<std::string> BranchStore::CheapFindings() const {
  return FindingsOf(places_, state_, damage_, FolderCheck::kSizeAndTime);
}

absl::StatusOr<std::vector<std::string>> BranchStore::Verify() const {
  ASSIGN_OR_RETURN(const BranchSnapshot fresh, ReadBranch(places_.adapters));
  return FindingsOf(places_, fresh.state, fresh.damage, FolderCheck::kHash);
}

absl::StatusOr<std::vector<HistoryEntry>> BranchStore::History() const {
  RETURN_IF_ERROR(damage_);
  std::vector<HistoryEntry> history;
  for (const CommittedVersion* commit : state_.Ancestry(state_.current)) {
    for (const StageResult& stage : commit->stages) {
      history.push_back({commit->version, RunId(commit->run), stage.dataset, stage.tier,
                         stage.examples, stage.epochs, stage.loss, commit->time});
    }
  }
  return history;
}

fs::path BranchStore::VersionDir(Version version) const {
  return VersionPath(places_.adapters, version);
}

}  // namespace strata
