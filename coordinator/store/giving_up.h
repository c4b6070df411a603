// Falls back to older versions where no copy of what serves is whole. Healing (copies.h) comes
// first; what it cannot make whole is given up here, by an event of the ledger.
//
// Model: current falls back to previous, or else to the newest of its own ancestors of which a copy
// is whole; previous to the newest whole ancestor of current. What is given up keeps its number and
// its line in the ledger; its folder goes into quarantine. Found whole again (from a mirror that
// was away, by hand), it is taken by `strata restore`. Durability: the older version is made whole,
// then the event is recorded, then links follow, then the damaged folder loses its place: `current`
// leads to a version at every instant.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/store/branch_writer.h"

namespace strata {

enum class GiveUp {
  kCurrent,  // what keeps a run from beginning; with it previous, should that be lost too
  kAllOfIt,  // every version and backup that the branch names
};

// Gives what was given up and what serves instead, in sentences; none when all has a whole copy.
// DATA_LOSS, with nothing changed, when current is lost and no older version is whole, and while
// the mirror, which may have a whole copy, is out of reach.
absl::StatusOr<std::vector<std::string>> FallBackWhereLost(BranchWriter* writer, GiveUp what,
                                                           const std::string& time);

// Puts into quarantine the folders of versions that were given up and are damaged; Mend calls it.
absl::Status SetLostAside(BranchWriter* writer, const std::string& time);

}  // namespace strata
