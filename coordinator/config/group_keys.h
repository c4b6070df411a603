// The rows of branch.yaml's two lists of groups, tiers and datasets, and what a group may hold.
// Used by branch_keys.cc.
#pragma once

#include <cstdint>

#include "coordinator/config/branch_keys.h"

namespace strata {

// Bounds that a tier and a dataset share with the branch.
inline constexpr uint64_t kEpochsMax = 10000;
inline constexpr RealRange kLearningRate = {0, 1, /*min_included=*/false, /*max_included=*/true};

KeyRow<Config> TiersRow();
KeyRow<Config> DatasetsRow();

}  // namespace strata
