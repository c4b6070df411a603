// Heals all of a branch that a whole copy is left of, and gives up what none is left of: what
// `strata verify --repair` does once the ledger can be believed. A start heals only what a run
// needs (copies.h).
//
// Durability: each step may be killed anywhere and the whole called again; a second call on what
// the first has finished changes nothing.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/store/branch_writer.h"

namespace strata {

// In this order: every version that is kept is made whole from its copies; backups that are missing
// or damaged are made again; what has no whole copy is given up (giving_up.h); links and pruning
// follow the ledger; the mirror is brought up to date, by hash. Adds to *done what was done.
// DATA_LOSS when current is lost and no older version is whole: the rest is repaired then.
absl::Status RepairBranch(BranchWriter* writer, const std::string& time,
                          std::vector<std::string>* done);

}  // namespace strata
