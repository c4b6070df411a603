// Copies version folders into backups, and back out of them where a version is missing or damaged.
// Rotation makes the backups that a commit owes through it; BranchStore heals through it.
//
// Invariants: nothing is copied that differs from the manifest which the ledger vouches for, and no
// copy gets its name before it has been read back. A damaged folder is put into quarantine
// (quarantine.h), never deleted.
// Durability: each function may be killed anywhere and called again. A damaged folder and its whole
// copy change names at once; only where the file system cannot do that is there an instant in which
// the name is empty, and the next Heal puts the copy there.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/store/branch_writer.h"
#include "coordinator/store/quarantine.h"

namespace strata {

// Of the backup `preferred`, the folder of `version` itself, its other backups and its copy in the
// mirror, the first that is whole by hash.
std::optional<std::filesystem::path> WholeCopyOf(const BranchPlaces& places,
                                                 const BranchState& state, Version version,
                                                 const std::string& preferred = "");

// Copies the folder `from` to `to` and gives where a damaged `to` lies now ("" = there was none).
// The copy is made and proven before `to` loses its place. DATA_LOSS when it was read back wrong.
absl::StatusOr<std::filesystem::path> PutCopy(const std::filesystem::path& from,
                                              const std::filesystem::path& to,
                                              const Digest& manifest, const Quarantine& quarantine);

// The backups that the commit of `candidate` is to make: of current and previous, by names of its
// time that are free, none of a version of which no whole copy is left; or those that it adopts.
std::vector<BackupRecord> PlanBackups(const BranchWriter& writer, const Candidate& candidate,
                                      const CommittedVersion& commit);

// Makes the backups that commits owe, and records those commits whose backups are all whole. A
// backup of which no whole source is left stays owed: `status` shows it.
absl::Status MakeOwedBackups(BranchWriter* writer, const std::string& time);

// Makes the folder of `version` whole from its copies, `preferred` first, and says what was done;
// "" = it was whole. DATA_LOSS, with nothing changed, when no copy is whole.
absl::StatusOr<std::string> EnsureWhole(BranchWriter* writer, Version version,
                                        const std::string& preferred, const std::string& time);

// EnsureWhole for current and previous, by hash, and for what is pinned, by size and time; adds to
// *done what was done. DATA_LOSS when current cannot be made whole; another that cannot is only
// told, since no run depends on it.
absl::Status Heal(BranchWriter* writer, const std::string& time, std::vector<std::string>* done);

}  // namespace strata
