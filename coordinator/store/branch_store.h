// Keeps a branch's adapters: commits a run's candidate as an immutable version, rotates current,
// previous and backups, restores and pins. Takes a Candidate from the run, gives the Lineage to the
// plan.
//
// Model: the ledger is the truth; versions/, backups/ and the links mirror it and are mended from
// it. Everything lies in one folder (BRANCH/adapters/lora_adapters).
// Durability: a commit has happened once its ledger line is fsynced. A kill before that changes
// nothing that counts; a kill after it is finished by the next Recover, Commit or Restore. A folder
// that has its number is never written again.
// Threads: one store per thread. Other processes may read and write at the same time: a change
// takes ledger.lock and reads the ledger again, reading takes no lock and sees the branch as it was
// at Open or at this store's last change. Errors: DATA_LOSS when the ledger is damaged, missing
// beside versions, or older than what a link leads to; nothing is written then. PERMISSION_DENIED,
// RESOURCE_EXHAUSTED, UNAVAILABLE from the disk. ABORTED when another process holds the lock for a
// minute.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/lineage.h"
#include "common/posix_file.h"
#include "coordinator/store/branch_writer.h"
#include "coordinator/store/candidate.h"
#include "coordinator/store/report.h"
#include "coordinator/store/version_folder.h"

namespace strata {

struct BackupInfo {
  std::string name;  // "backup_current_20251031_104042"
  Version version;   // what it is a copy of
  std::string when;  // ISO 8601, UTC: of the commit that made it
  uint64_t bytes = 0;
};

// A name that keeps a version.
struct PinInfo {
  std::string name;
  Version version;
  bool by_hand = false;  // a link that no `strata pin` made
};

struct HistoryEntry {
  Version version;
  RunId run;
  std::string dataset, tier;
  uint64_t examples = 0;
  uint32_t epochs = 0;         // 0 without a loss = not known
  std::optional<double> loss;  // nullopt = trained elsewhere
  std::string timestamp;
};

// A folder that holds a version whole.
struct StoredVersion {
  Version version;
  std::filesystem::path folder;  // the version's own, or a backup
  Manifest manifest;
};

class BranchStore {
 public:
  using Time = std::chrono::system_clock::time_point;

  // Reads the ledger and no more; `adapters` need not exist yet. OK also for a damaged ledger, so
  // that CheapFindings can tell: what changes the branch or trusts its lineage is refused then.
  // `mirror`: this branch's part of backup_mirror; "" = none.
  static absl::StatusOr<BranchStore> Open(std::filesystem::path adapters,
                                          FileSystem* files = FileSystem::Real(),
                                          std::filesystem::path mirror = {});

  // Finishes or discards what a kill left, checks current and previous by hash and makes them whole
  // from a copy, mends links and backups from the ledger and brings the mirror up to date. Gives
  // what the user should know, in sentences. Doing it again changes nothing. Call it before a run.
  // DATA_LOSS also when current is damaged and no copy of it is whole: the rest is mended then, and
  // Restore and FallBack can still be called.
  absl::StatusOr<std::vector<std::string>> Recover();
  // When no copy of current is whole, makes an older version current in its place (giving_up.h):
  // the one way back without a Restore, recorded and told. Sentences, and errors, as Recover.
  absl::StatusOr<std::vector<std::string>> FallBack(Time now);
  // Recovers all that can be: a ledger that cannot be believed is made anew from the versions
  // (ledger_rebuild.h), every version and backup is healed or given up (repair.h). Sentences, and
  // errors, as Recover.
  absl::StatusOr<std::vector<std::string>> Repair(Time now);
  // The last fall-back, until a commit or a restore follows it.
  const std::optional<FallBackRecord>& fell_back() const { return state_.fell_back; }
  // DATA_LOSS when the ledger cannot be believed; what follows from it is not to be trusted then.
  const absl::Status& damage() const { return damage_; }

  Version current() const { return state_.current; }
  Version previous() const { return state_.previous; }  // 0 = none
  // Committed, but not made current when current had moved on, nor since; ascending.
  std::vector<Version> Parked() const;
  absl::StatusOr<Lineage> LineageOfCurrent() const;
  // The same by the ledger alone: also of a current that is damaged.
  absl::StatusOr<Lineage> LineageWithoutExamples() const;
  // The flat adapter, proven by its digest. FAILED_PRECONDITION when it is not laid out as
  // `layout`.
  absl::StatusOr<std::vector<float>> ReadAdapter(Version version,
                                                 const AdapterLayout& layout) const;
  absl::StatusOr<Json> Metadata(Version version) const;  // training_metadata.json
  absl::StatusOr<Json> Metadata(const StoredVersion& stored) const;
  std::optional<Digest> BaseFingerprintOf(Version version) const;
  // What `name` means ("current", or a name as Restore takes it), checked by hash: the backup that
  // is named, else the version's own folder, else a backup of it. NOT_FOUND for an unknown name,
  // DATA_LOSS with what is wrong when none is whole.
  absl::StatusOr<StoredVersion> Find(const std::string& name) const;
  std::optional<Digest> AdapterDigestOf(Version version) const;

  // Writes, checks and commits. A candidate whose parent is not current any more is parked: a
  // version, but not current. Committing the same run again gives the same outcome and changes
  // nothing. DATA_LOSS when the adapter is refused, FAILED_PRECONDITION for another base model than
  // the parent's (a fresh lineage may have any). An error means that the old current serves on;
  // only where the commit line itself could not be fsynced may the next start find it whole, and
  // the run committed. What fails after the commit line is no error: rotation_pending says so, and
  // the next start finishes it.
  absl::StatusOr<CommitOutcome> Commit(const Candidate& candidate);

  // Makes current what `name` means ("v0003", "previous", a backup, a pin); the old current becomes
  // previous. Datasets trained after that version are held (BranchState::Undone). NOT_FOUND for an
  // unknown name.
  absl::StatusOr<Version> Restore(const std::string& name, Time now);
  // Keeps what `name` means (as in Restore, or "current") under the name `pin` until Unpin, and
  // gives it. A version whose folder is gone is first brought back from a backup. Again with the
  // same version changes nothing. INVALID_ARGUMENT for a name that a pin cannot have,
  // ALREADY_EXISTS where it is taken, NOT_FOUND for an unknown `name`, DATA_LOSS when no copy of
  // the version is whole.
  absl::StatusOr<Version> Pin(const std::string& pin, const std::string& name, Time now);
  // Gives the version that `pin` kept; its folder goes with a later commit unless something else
  // keeps it. NOT_FOUND when the ledger knows no such pin.
  absl::StatusOr<Version> Unpin(const std::string& pin, Time now);
  std::vector<PinInfo> Pins() const;  // by name

  bool HasCommitted(const RunId& run) const;
  // The held contents that were trained in a file of that name.
  std::set<Digest> HeldUnder(const std::string& dataset) const;
  // Lets a held content be trained again.
  absl::Status Release(const Digest& dataset_sha256, Time now);
  // Leaves a file of training/ out of the plans, or takes it in again.
  absl::Status SetExcluded(const std::string& dataset, bool excluded, Time now);

  absl::StatusOr<std::vector<BackupInfo>> Backups() const;  // oldest first
  // The report of the newest run that made a version; nullopt = none ever did.
  absl::StatusOr<std::optional<RunReport>> ReportOfNewest() const;
  // What sizes, times and links show to be wrong, in sentences; empty = healthy.
  std::vector<std::string> CheapFindings() const;
  // The same by hashing every version and backup.
  absl::StatusOr<std::vector<std::string>> Verify() const;
  // The lineage of current, oldest first.
  absl::StatusOr<std::vector<HistoryEntry>> History() const;
  std::filesystem::path VersionDir(Version version) const;

 private:
  BranchStore(BranchPlaces places, FileSystem* files, BranchSnapshot snapshot);
  // A writer begins only on a ledger that can be believed.
  void Follow(const BranchWriter& writer);
  absl::StatusOr<const CommittedVersion*> Known(Version version) const;
  // OK once committed; *rotated says what became of the rest.
  absl::Status CommitNew(BranchWriter* writer, const Candidate& candidate, absl::Status* rotated);
  CommitOutcome OutcomeOf(const std::string& run, absl::Status rotated) const;
  absl::Status RecordAlone(const std::string& kind, Time now, Json body);

  BranchPlaces places_;
  FileSystem* files_;
  BranchState state_;
  absl::Status damage_;
};

}  // namespace strata
