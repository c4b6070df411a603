// Gathers what a branch's folders and links say when its ledger cannot. Takes the part of the
// ledger that can be believed, gives the events that a ledger made anew has beyond it; pure but for
// reading. The ledger's rebuilding (ledger_rebuild.h) writes them.
//
// Model: each folder of versions/ and backups/ that proves itself (found_version.h) is a commit. Of
// the mirror only what a link leads to is taken, and only where one single copy is called so: a
// mirror may hold another branch of the same name. Current and previous are what the links lead to,
// so that what serves goes on serving; where a link leads to nothing whole, the newest version is
// current, its parent previous.
// A version that is neither before current nor the only copy of its kind stays as a parked one:
// nothing is pruned that the folders cannot place.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/store/branch_writer.h"
#include "coordinator/store/recovery_events.h"

namespace strata {

struct FoundBranch {
  std::vector<LedgerEvent> events;     // all of the new ledger's, "rebuilt" last
  BranchState state;                   // folded from them
  std::vector<std::string> sentences;  // what was found, what was refused, what cannot be known
};

struct FoundRequest {
  BranchPlaces places;
  std::vector<LedgerEvent> believed;  // fold without an error
  std::string time;                   // ISO 8601, UTC
  std::string why, kept_aside;        // as in Rebuilt
};

// DATA_LOSS when no version is whole.
absl::StatusOr<FoundBranch> FindBranch(const FoundRequest& request);

}  // namespace strata
