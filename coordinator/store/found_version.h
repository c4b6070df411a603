// Reads back out of a version's folder what the ledger once said of it. Takes a folder that nobody
// vouches for, gives the commit that its own files tell; the rebuilding of a ledger goes by it.
//
// Model: without a ledger a folder can only vouch for itself: its manifest for the size and hash of
// every file, its metadata for number, run, time and history, its adapter for being finite and
// trained. That finds every accident; it is no proof against a forger who writes all of it.
// Errors: DATA_LOSS with what does not fit, for anything that no commit can have written: a name
// with a folder in it, a number out of range, a run that names no folder, a file with another hash.
#pragma once

#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/store/branch_state.h"

namespace strata {

// `commit.stages` are those of its whole history, oldest first, with what it brought from elsewhere
// as its owner said; parked, and with the parent of its manifest.
absl::StatusOr<CommittedVersion> ReadFoundVersion(const std::filesystem::path& folder);

}  // namespace strata
