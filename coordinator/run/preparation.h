// Brings a branch from its branch.yaml to a plan: everything that train, plan, inspect and evaluate
// have in common.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/catalog/catalog.h"
#include "coordinator/config/config.h"
#include "coordinator/plan/plan.h"
#include "coordinator/run/base.h"
#include "coordinator/store/branch_store.h"
#include "coordinator/tokens/token_store.h"
#include "strata/v1/training.pb.h"

namespace strata {

struct Preparation {
  Catalog catalog;
  std::vector<std::optional<DatasetTokens>>
      tokens;  // of each dataset of the catalog that is pending and can be tokenised
  std::string chat_template;
  // Sentences for the user: as TemplateWarnings, and when current was trained with another one.
  std::vector<std::string> template_warnings;
  Lineage lineage;  // for a rebuild without its examples
  Plan plan;
  double tokenize_seconds = 0;   // reading the cache included
  uint64_t tokenized_bytes = 0;  // of the datasets that the cache did not have
};

// Catalog, lineage, tokens and plan. Only what is pending is tokenised; a dataset whose data does
// not allow it is an error of that dataset alone (see MakePlan).
absl::StatusOr<Preparation> Prepare(const Config& config, const BranchStore& store,
                                    const PlanRequest& request, const TokenizeProgress& progress);

// What every worker is told whatever its task: base, LoRA, dtype, micro-batch, lease. A task of
// rows has chosen what micro_batch_size: auto means; others, which have no rows, are told 1.
v1::JoinReply TaskBasics(const Config& config, const Base& base);

// strata-worker beside the running strata.
std::filesystem::path WorkerProgram();

// Cores for each of `ranks` workers on this machine; at least 1.
int ThreadsPerRank(int ranks);

}  // namespace strata
