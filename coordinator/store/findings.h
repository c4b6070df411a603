// Compares a branch's folders, links and mirror with its ledger and says in sentences what differs.
// Changes nothing; BranchStore gives its answers to `status` and `verify`.
#pragma once

#include <string>
#include <vector>

#include "coordinator/store/branch_writer.h"
#include "coordinator/store/version_folder.h"

namespace strata {

// Empty = healthy. `damage` is the ledger's.
std::vector<std::string> FindingsOf(const BranchPlaces& places, const BranchState& state,
                                    const absl::Status& damage, FolderCheck depth);

}  // namespace strata
