// Makes the ledger of a branch anew where it is missing, damaged or older than its versions: what
// of it can be believed, and then what the folders say (found_branch.h). `strata verify --repair`
// asks for it; nothing else ever replaces a ledger.
//
// Durability: the new ledger is written whole beside the old one, of which a copy goes into
// quarantine first, and takes its place by one rename. Then a folder that a link leads to and the
// new one does not know goes into quarantine, and current and previous are turned away from it. A
// kill anywhere leaves the old ledger or the new one; the next call goes on from there.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/store/branch_writer.h"

namespace strata {

// Gives what was done, in sentences; none when the ledger can be believed. DATA_LOSS, with nothing
// changed, when no version proves itself whole.
absl::StatusOr<std::vector<std::string>> RebuildLedger(const BranchPlaces& places,
                                                       FileSystem* files, const std::string& time);

}  // namespace strata
