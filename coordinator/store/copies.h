// Copies version folders into backups, and back out of them where a version is missing or damaged.
// Rotation makes the backups that a commit owes through it; BranchStore heals through it.
//
// Invariants: nothing is copied that differs from the manifest which the ledger vouches for, and no
// copy gets its name before it has been read back. A damaged folder is put aside as `.quarantine-…`
// beside its place, never deleted.
// Durability: each function may be killed anywhere and called again. A kill in the midst of a swap
// leaves the name empty and the damaged folder in quarantine; the next Heal puts the copy there.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/store/branch_writer.h"

namespace strata {

// Whether anything is named `path`, a dangling link too.
bool IsNamed(const std::filesystem::path& path);

// Of the backup `preferred`, the folder of `version` itself and its other backups, the first that
// is whole by hash.
std::optional<std::filesystem::path> WholeCopyOf(const std::filesystem::path& adapters,
                                                 const BranchState& state, Version version,
                                                 const std::string& preferred = "");

// The backups that the commit of `candidate` is to make: of current and previous, by names of its
// time that are free, none of a version of which no whole copy is left; or those that it adopts.
std::vector<BackupRecord> PlanBackups(const BranchWriter& writer, const Candidate& candidate,
                                      const CommittedVersion& commit);

// Makes the backups that commits owe, and records those commits whose backups are all whole. A
// backup of which no whole source is left stays owed: `status` shows it.
absl::Status MakeOwedBackups(BranchWriter* writer, const std::string& time);

// Makes the folder of `version` whole from its backups, `preferred` first, and says what was done;
// "" = it was whole. DATA_LOSS, with nothing changed, when no copy is whole.
absl::StatusOr<std::string> EnsureWhole(BranchWriter* writer, Version version,
                                        const std::string& preferred);

// EnsureWhole for current and previous, by hash, and for what is pinned, by size and time; adds to
// *done what was done. DATA_LOSS when current cannot be made whole; another that cannot is only
// told, since no run depends on it.
absl::Status Heal(BranchWriter* writer, std::vector<std::string>* done);

}  // namespace strata
