// Excludes, includes and releases datasets by the names that a user gives, and says what the next
// plan makes of them. Takes a Config and names, leaves events in the store's ledger.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/config/config.h"
#include "coordinator/store/branch_store.h"

namespace strata {

enum class DatasetChange {
  kExclude,  // left out of plans until it is included
  kInclude,
  kRelease,  // held no longer, and so pending, as far as it is in training/
};

struct ChangedDataset {
  std::string name;
  bool changed = false;     // false: it was so before
  std::string now = {};     // what it is now: "excluded", "excluded by branch.yaml", …
  std::string plan = {};    // what `strata plan` says of it now
  bool needs_yaml = false;  // to be included, but branch.yaml excludes it
};

// `names` are those of files in training/, with or without .jsonl, or globs; kInclude and kRelease
// also know the names of files that are there no longer. INVALID_ARGUMENT for a name that fits
// nothing, with the nearest; nothing is changed then. Errors as ReadCatalog and BranchStore.
absl::StatusOr<std::vector<ChangedDataset>> ChangeDatasets(const Config& config,
                                                           DatasetChange change,
                                                           const std::vector<std::string>& names,
                                                           BranchStore* store);

}  // namespace strata
