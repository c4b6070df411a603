// Finds the adapter that a user names, for what evaluates or generates with it. Takes a branch's
// store and a name, gives the flat adapter that a worker fetches.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/config/config.h"
#include "coordinator/run/base.h"
#include "coordinator/store/branch_store.h"

namespace strata {

// `name` is "current", "previous", "none" (the base alone), a version ("v0003") or an adapter's
// folder. INVALID_ARGUMENT when there is no such adapter; FAILED_PRECONDITION when a version was
// trained on another base or with other settings, or branch.yaml asks for another adapter than the
// folder's; DATA_LOSS when it is damaged; else what ReadAdapterFolder says.
absl::StatusOr<std::vector<float>> AdapterNamed(const Config& config, const BranchStore& store,
                                                const Base& base, const std::string& name);

}  // namespace strata
