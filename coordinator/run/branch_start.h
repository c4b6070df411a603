// Opens a branch's store and brings it to what its ledger says before something is made of it, and
// the last report with it. Training and import begin here, `verify --repair` ends here.
//
// Model: a current that no copy can make whole ends in a fall-back to an older version, said in
// capitals and recorded in the ledger (store/giving_up.h). What that takes back is pending, so the
// very training that found the damage learns it again.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/config/config.h"
#include "coordinator/store/branch_store.h"

namespace strata {

using SayOfBranch = std::function<void(const std::string&)>;

// With the mirror of its configuration.
absl::StatusOr<BranchStore> OpenBranchStore(const Config& config);

// Recovers, and falls back where that is not enough. `replaces_all`: what follows takes nothing
// from current (a rebuild, an import), so that one which nothing heals and nothing older replaces
// is only said. Errors as BranchStore::Recover.
absl::Status StartBranch(bool replaces_all, BranchStore* store, const SayOfBranch& say);

std::filesystem::path ReportFile(const Config& config);

// Writes the report of the newest run again when it is missing or older than its run.
absl::Status MendReportOf(const Config& config, const BranchStore& store, const SayOfBranch& say);

}  // namespace strata
