// Folds the two events by which a branch goes on after a loss: a fall-back to an older version, and
// a ledger made anew. BranchState's Fold calls these; giving_up.h and ledger_rebuild.h record them.
//
// Model: versions never go back by themselves. "fallback" is the one exception, and it is on
// record: it names what was given up because no copy of it was whole, and what serves in its place.
// What was learnt only in a version that was given up is not held, as after a restore, but pending:
// nobody chose to undo it, and the next training learns it again.
// "rebuilt" follows the commits that were read back from manifests and says what they cannot:
// which of them serve, which backups there are, what stays held.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/store/branch_state.h"

namespace strata {

struct FallBack {
  Version current, previous;      // from now on; previous 0 = none
  std::set<Version> lost;         // of these no copy is whole
  std::set<std::string> backups;  // given up with them
  std::string why;                // what was wrong with the first
};

struct Rebuilt {
  Version current, previous;          // previous 0 = none
  std::set<Version> placed;           // of those read back: kept by no more than the usual rules
  std::vector<BackupRecord> backups;  // read back, oldest first
  std::set<Digest> held;
  std::string why;         // what was wrong with the ledger before
  std::string kept_aside;  // where that lies, from the branch's adapters; "" = there was none
};

// DATA_LOSS as Fold.
absl::Status ApplyFallBack(const LedgerEvent& event, BranchState* state);
absl::Status ApplyRebuilt(const LedgerEvent& event, BranchState* state);

// The bodies, as the two read them back.
Json FallBackBody(const FallBack& fall_back);
Json RebuiltBody(const Rebuilt& rebuilt);

}  // namespace strata
