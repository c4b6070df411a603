// Keeps a second copy of a branch's versions in another place (backup_mirror: DIR), so that they
// outlive the branch's disk. BranchStore brings it up to date after each commit and at each start;
// copies.h takes whole copies from it.
//
// Model: DIR/<the adapter's name>/v0003-1a2b3c4d5e6f7a8b, a self-contained copy of the version's
// folder, called by its number and by the hash of its manifest. So branches may share a mirror,
// even two of one name: each knows its own copies by their hashes and touches no others.
// It holds the versions that current, previous, a pin, parking or a backup of the branch names, and
// those that were given up (somebody may have taken the mirror out of the settings for that); the
// others of this branch's ledger go, as backups do.
// Durability: a copy gets its name by a rename, once it has been read back. Each function may be
// killed anywhere and called again. DIR itself is never made: where it is missing, a disk is not
// mounted.
// Errors: the mirror's state is never an error of a commit or a start: they say it and go on.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/store/branch_writer.h"
#include "coordinator/store/version_folder.h"

namespace strata {

// DATA_LOSS without DIR.
absl::Status CheckMirrorIsThere(const BranchPlaces& places);

// Copies what is missing or damaged there, as deep as `depth` looks, deletes what is no longer
// kept, and gives the versions that were copied. DATA_LOSS without DIR, RESOURCE_EXHAUSTED,
// PERMISSION_DENIED or UNAVAILABLE from its disk.
absl::StatusOr<std::vector<Version>> UpdateMirror(BranchWriter* writer, FolderCheck depth,
                                                  const std::string& time);

// What the mirror lacks, in sentences; empty = nothing.
std::vector<std::string> MirrorFindings(const BranchPlaces& places, const BranchState& state,
                                        FolderCheck depth);

// "the backup mirror … is behind: …; the next … catches up": for an error of UpdateMirror.
std::string MirrorIsBehind(const BranchPlaces& places, const absl::Status& failed);

// UpdateMirror for those that go on without it: adds to *said what was copied, or why the mirror is
// behind and what catches up.
void TellOfMirror(BranchWriter* writer, FolderCheck depth, const std::string& time,
                  std::vector<std::string>* said);

}  // namespace strata
