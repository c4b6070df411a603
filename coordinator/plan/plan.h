// Says what a run will train, in which order and at which learning rate. A value: made by a pure
// function, printed, stored with the run. Takes Config, Catalog, token counts and the lineage;
// gives the shards their steps.
//
// It is a maximum: early stopping may end a stage sooner.
//
// Words: a stage is the training of one dataset, all of its epochs. An epoch goes once through the
// stage's examples, packed into rows: a row is one sequence of whole examples, at most max_length
// tokens long. A step is one update, made of up to global_batch_size rows.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/json.h"
#include "common/lineage.h"
#include "coordinator/catalog/catalog.h"
#include "coordinator/config/config.h"
#include "coordinator/tokens/dataset_tokens.h"

namespace strata {

inline constexpr int kPlanFormat = 2;

// The training of one dataset: all of its epochs.
struct StagePlan {
  uint32_t index = 0;   // within the run
  std::string dataset;  // file name
  std::string tier;
  Digest sha256;
  uint32_t pass = 0;
  double learning_rate = 0;  // peak
  std::vector<uint32_t>
      examples;  // indices into Dataset::examples, ascending: those that are trained
  std::vector<uint32_t> example_tokens;  // of each, after truncation
  // Those of the held-out ones that can be evaluated, in the order of the file, and their tokens.
  std::vector<uint32_t> held_out_examples, held_out_tokens;
  uint32_t held_out_steps = 0;   // that their rows make
  std::vector<uint32_t> steps;   // per epoch
  uint32_t complete_epochs = 0;  // without what max_steps cut off
  std::vector<uint64_t> rows;    // per epoch, of those steps
  uint32_t warmup_steps = 0;
  uint32_t decay_steps = 0;  // of warmup_stable_decay: the last of the stage; else 0
  uint64_t tokens = 0, supervised_tokens = 0;  // of one epoch
  // Counted and said; never trained: refused lines and held-out prompts. Counted, said, and
  // trained: those that were cut and the known ones.
  uint64_t bad_lines = 0, refused_too_long = 0, refused_unsupervised = 0, held_out = 0;
  uint64_t truncated = 0;          // examples cut to max_length
  uint64_t duplicates_within = 0;  // examples that an earlier one of the file repeats
  uint64_t duplicates_across = 0;  // good lines that an earlier file of the catalog has too
  uint64_t known_elsewhere = 0;    // examples that the lineage has from other files
  uint64_t already_trained = 0;    // of a changed file: examples that it had before, left alone
  uint64_t not_reached = 0;        // of `examples`: those in no step, when max_steps cuts epoch 0

  uint32_t total_steps() const;
};

// A dataset that this run leaves alone.
struct SkippedDataset {
  std::string dataset, tier;
  std::string
      reason;  // "trained", "twin of X", "held after a restore", "excluded", "no good line", …
  bool is_error = false;  // true where the file itself is at fault: recorded with status error
};

struct Plan {
  Version parent;        // what current was when it was made
  bool rebuild = false;  // begins from a fresh adapter and not from that version
  // What decides rows and rates; the stored plan wins over a branch.yaml changed meanwhile.
  uint32_t max_length = 0, global_batch_size = 0;
  bool packing = true;
  Schedule schedule = Schedule::kCosine;
  double min_lr_rate = 0;
  RateDecay decay = RateDecay::kCosine;
  uint64_t seed = 0;
  uint32_t eval_steps = 0, early_stopping_patience = 0;
  std::vector<StagePlan> stages;
  std::vector<SkippedDataset> skipped;
};

// What the command line asks for.
struct PlanRequest {
  bool all = false;  // train again what is trained, with the next pass number; not what is held
  std::set<std::string>
      datasets;  // only these (names with or without .jsonl), held ones too; empty is all pending
  // A fresh adapter: as if nothing had been trained or undone yet; excluded stays excluded.
  bool rebuild = false;
};

// Of each dataset of a catalog, in its order: its tokens; or the error of a dataset whose data
// cannot be tokenised; or null where nothing is to be read.
using TokensOfCatalog = std::vector<absl::StatusOr<const DatasetTokens*>>;

// For each dataset of the catalog whether MakePlan asks for its tokens: those that `request` makes
// pending.
std::vector<bool> NeedsTokens(const Config& config, const Catalog& catalog, const Lineage& lineage,
                              const PlanRequest& request);

// Pure. A plan without stages means that nothing is pending, or that nothing of it can be trained:
// `skipped` says which. A pending dataset whose tokens are an error is skipped as one, or with
// `on_dataset_error: stop` that error is the result. INVALID_ARGUMENT naming the nearest dataset
// for a requested one that does not exist. REQUIRES: tokens where NeedsTokens says so.
absl::StatusOr<Plan> MakePlan(const Config& config, const Catalog& catalog,
                              const TokensOfCatalog& tokens, const Lineage& lineage,
                              const PlanRequest& request);

// A plan of one stage for any dataset, trained or not, as if all of its good lines were pending at
// `pass`: for `strata inspect` and `strata evaluate`.
Plan PlanOfDataset(const Config& config, const Dataset& dataset, const DatasetTokens& tokens,
                   uint32_t pass);

// Linear warm-up to the stage's highest rate over warmup_steps, then the schedule over the rest to
// its lowest. `step` counts within the stage from 0. What transformers.optimization gives for the
// same counts; but that a step of the warm-up has the rate which is there the next one's, so that
// the first is not 0 and the last has the highest.
double LearningRateAt(const Plan& plan, const StagePlan& stage, uint32_t step);

Json PlanToJson(const Plan& plan);
// DATA_LOSS for anything that PlanToJson never wrote; FAILED_PRECONDITION for another format
// number.
absl::StatusOr<Plan> PlanFromJson(const Json& json);

}  // namespace strata
