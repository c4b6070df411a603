// Folds the ledger's events into what a branch is now: its versions, names, backups and held
// datasets. Takes a Ledger's events; BranchStore asks it. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ids.h"
#include "common/lineage.h"
#include "coordinator/store/candidate.h"
#include "coordinator/store/ledger.h"

namespace strata {

struct CommittedVersion {
  Version version, parent;  // parent 0: its lineage begins with it
  std::string run, time;
  Digest manifest_sha256;   // of its manifest.json
  Digest adapter_digest;    // of the flat fp32 bytes
  Digest base_fingerprint;  // of the base model it was trained on
  bool parked = false;      // not made current when committed, nor since
  bool imported = false;    // made elsewhere: no run of this branch
  std::vector<StageResult> stages;
};

struct BackupRecord {
  std::string name;
  Version version;    // what it is a copy of
  Version committed;  // the commit that made it
  std::string time;
};

// Current was given up, and an older version serves in its place.
struct FallBackRecord {
  Version from, to;
  std::string time;
};

struct BranchState {
  std::map<Version, CommittedVersion> versions;  // every one ever committed
  Version current, previous;                     // 0 = none
  std::vector<BackupRecord> backups;             // oldest first, without the pruned
  std::set<Version> commits_owing_backups;       // whose backups are not known to be complete
  std::set<std::string> pruning_backups;         // named by an intent, not known to be deleted
  std::set<Version> pruning_versions;
  std::map<std::string, Version> pins;       // by name
  std::map<std::string, Version> unpinning;  // ended, but whose links may still be there
  std::map<Version, std::string> begun;      // numbers given to runs that have not committed them
  std::set<Version> lost;  // given up: of these no copy was whole (recovery_events.h)
  std::optional<FallBackRecord> fell_back;  // the last one, until a commit or a restore follows it
  std::set<Digest> held;
  std::set<std::string> excluded;

  // From the oldest ancestor of `version` to itself.
  std::vector<const CommittedVersion*> Ancestry(Version version) const;
  const CommittedVersion* CommitOfRun(const std::string& run) const;  // null = none
  // What a restore of `to` in place of `from` takes out: the contents trained in the lineage of
  // `from` and not in that of `to`; where the two begin apart (a fresh lineage), only those trained
  // later than `to`, so that going back and returning leaves held what was held before.
  std::set<Digest> Undone(Version from, Version to) const;
};

// backup_current_20251031_104042 or backup_previous_…, with _2 and so on at the end.
bool IsBackupName(const std::string& name);

// OK for a name that a pin may have: one file's name that is none of strata's own. INVALID_ARGUMENT
// says why not.
absl::Status CheckPinName(const std::string& pin);

// DATA_LOSS for an event that is not known, lacks a field, or names what cannot be: a version never
// committed, a backup not called as backups are, a run that names no folder, a number out of range,
// the pruning of current, previous or a pinned version, a fall-back to what it gives up. So what a
// state names is safe to look up and to delete.
absl::StatusOr<BranchState> Fold(const std::vector<LedgerEvent>& events);

// The lineage of current, but for the examples, which stand in its folder.
Lineage LineageOf(const BranchState& state);

// The bodies of the events, as Fold reads them back.
Json CommitBody(const CommittedVersion& commit, const std::vector<BackupRecord>& backups);
Json BeginBody(Version version, const std::string& run);
Json BackupsMadeBody(Version committed);
Json RestoreBody(Version version, const std::string& name, const std::set<Digest>& held);
Json PinBody(const std::string& pin, Version version);
// Both kinds "unpin" (the intent) and "unpinned" (its link is gone).
Json UnpinBody(const std::string& pin);
// Both kinds "prune" (the intent) and "pruned" (done).
Json PruneBody(const std::set<std::string>& backups, const std::set<Version>& versions);

}  // namespace strata
