// Holds a branch for writing: its lock, its ledger as it is now, the state folded from it. Made by
// BranchStore for each change; rotation.h changes folders and links through it.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "common/posix_file.h"
#include "coordinator/store/branch_state.h"
#include "coordinator/store/ledger.h"
#include "coordinator/store/quarantine.h"

namespace strata {

// Where a branch's versions lie.
struct BranchPlaces {
  std::filesystem::path adapters;  // BRANCH/adapters/lora_adapters
  std::filesystem::path mirror;    // this branch's part of backup_mirror (mirror.h); "" = none
};

struct BranchSnapshot {
  Ledger ledger;
  BranchState state;  // of the events before the damage, if any
  // DATA_LOSS: the ledger is damaged, missing beside versions, or older than what a link leads to.
  absl::Status damage;
};

// Waits up to a minute for the branch's ledger.lock. ABORTED when it is held for longer.
absl::StatusOr<FileLock> LockLedger(const std::filesystem::path& adapters);

// Needs no lock. Fails only when the ledger exists and cannot be read.
absl::StatusOr<BranchSnapshot> ReadBranch(const std::filesystem::path& adapters);

// The vNNNN folders that exist, whether or not the ledger knows them.
std::set<Version> NumberedFolders(const std::filesystem::path& adapters);
// The version that the symlink `link` leads to; 0 = none.
Version VersionOfLink(const std::filesystem::path& adapters, const std::filesystem::path& link);
std::filesystem::path VersionPath(const std::filesystem::path& adapters, Version version);
std::filesystem::path BackupPath(const std::filesystem::path& adapters, const std::string& name);
// The copy in a mirror of the version that has this manifest: v0003-1a2b3c4d5e6f7a8b.
std::filesystem::path MirrorPath(const std::filesystem::path& mirror, Version version,
                                 const Digest& manifest);

class BranchWriter {
 public:
  // Makes the folder, waits up to a minute for the lock, makes what the ledger holds durable and
  // reads it again. ABORTED when the lock is held for longer; DATA_LOSS when the ledger cannot be
  // believed: nothing is written then.
  static absl::StatusOr<BranchWriter> Begin(const BranchPlaces& places, FileSystem* files);

  const BranchState& state() const { return state_; }
  const BranchPlaces& places() const { return places_; }
  const std::filesystem::path& adapters() const { return places_.adapters; }
  FileSystem* files() const { return files_; }
  // Where what is damaged at `time` goes.
  Quarantine QuarantineAt(const std::string& time) const;

  // Appends an event at `time` (ISO 8601) and folds it into state().
  absl::Status Record(const std::string& kind, const std::string& time, Json body);

 private:
  BranchWriter(BranchPlaces places, FileSystem* files, FileLock lock, BranchSnapshot snapshot);
  BranchPlaces places_;
  FileSystem* files_;
  FileLock lock_;
  Ledger ledger_;
  BranchState state_;
};

}  // namespace strata
