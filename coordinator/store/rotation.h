// Brings a branch's folders and links to what its ledger says: backups, `current`, `previous` and
// pins, what is kept and what goes. BranchStore calls it after each event, and at each start for
// whatever a kill left undone.
//
// Durability: each function may be killed anywhere and called again; the second call changes
// nothing that the first finished. Only what a line of the ledger names is deleted: what was
// meant to go, and what a kill left half made (`.incoming-…` of a run, a version or a backup).
#pragma once

#include <string>

#include "absl/status/status.h"
#include "coordinator/store/branch_writer.h"

namespace strata {

// All of the below that the ledger asks for, in the order in which a reader may see them.
absl::Status Mend(BranchWriter* writer, const std::string& time);

// Deletes the backups of all but the last `keep_backups` commits that made any, and the version
// folders that neither current, previous, a pin, a link made by hand, parking nor an owed backup
// keeps.
absl::Status Prune(BranchWriter* writer, uint32_t keep_backups, const std::string& time);

}  // namespace strata
