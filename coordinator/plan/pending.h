// Decides what is pending: which datasets, which of their examples, and why the others are left
// alone. Takes a Catalog and the lineage, gives the plan its stages' examples. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/lineage.h"
#include "coordinator/plan/plan.h"

namespace strata {

// What is to be done with one dataset of the catalog.
struct Pending {
  bool train = false;
  std::string reason;     // why not
  bool is_error = false;  // the file itself is at fault
  bool held = false;      // undone by a restore
  uint32_t pass = 0;
  bool only_new = false;  // a known file with new content: only examples that it did not have
};

// INVALID_ARGUMENT naming the nearest dataset for a requested one that the catalog does not have.
absl::Status CheckRequest(const Catalog& catalog, const PlanRequest& request);

// `earlier` are the datasets of the catalog before this one that this run trains; without them a
// twin of one counts as pending.
Pending PendingOf(const Config& config, const Dataset& dataset, const Lineage& lineage,
                  const PlanRequest& request, const std::vector<const Dataset*>& earlier);

// A dataset that is to be trained, as SelectExamples takes it.
struct PendingDataset {
  const Dataset& dataset;
  const DatasetTokens& tokens;
  const Pending& pending;
  const ExampleSet& trained_prompts;  // never held out
};

// The prompts of the catalog that the lineage has been trained on, whatever the answer was.
ExampleSet TrainedPrompts(const Catalog& catalog, const Lineage& lineage);

// True when the prompt is drawn into the held-out share: by its hash with the seed, so twins share
// their fate.
bool IsHeldOut(const Config& config, const ExampleDigest& prompt);

// Fills in the stage's examples and counts.
void SelectExamples(const Config& config, const Lineage& lineage, const PendingDataset& from,
                    StagePlan* stage);

}  // namespace strata
