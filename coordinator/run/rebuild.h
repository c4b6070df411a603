// Says what a rebuild would lose against what serves now, before it replaces it. Takes the Plan and
// the run's results; training.h asks it before the launch and before the commit, `strata plan` for
// its warning.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/plan/plan.h"
#include "coordinator/store/candidate.h"

namespace strata {

// OK unless `plan` is a rebuild and a dataset of it is in error: one of those that it skips, or of
// `stages` (none before the run). DATA_LOSS with the names of all of these and what to do: a fresh
// adapter that lacks them must not become current.
absl::Status CheckRebuildIsWhole(const Plan& plan, const std::vector<StageResult>& stages);

// The datasets, in the order of their training, that `lineage` was trained on and that training/
// has no longer, under this name or another. Not those that the user has excluded.
std::vector<std::string> ForgottenByRebuild(const Catalog& catalog, const Lineage& lineage);
// A sentence about them; "" for none.
std::string ForgottenText(const std::vector<std::string>& names);

}  // namespace strata
