// Gives the rows of each step of an epoch, and cuts a step between ranks; what one rank gets of it
// is its shard. Pure: rows depend on (seed, dataset, pass, epoch) alone; the number of ranks only
// decides who computes which. Takes a Plan, gives the service what it sends.
#pragma once

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "coordinator/plan/plan.h"

namespace strata {

// One sequence: whole examples in order.
struct RowPlan {
  std::vector<uint32_t> examples;  // indices into Dataset::examples
  uint32_t tokens = 0;
};

using StepRows = std::vector<RowPlan>;  // the rows of one step; at most global_batch_size

// The examples shuffled by the key (Fisher-Yates on Philox), packed in order by first fit into a
// window of open rows; without packing one example a row.
std::vector<RowPlan> RowsOfEpoch(const Plan& plan, const StagePlan& stage, uint32_t epoch);

// The rows of the epoch cut into steps. Its size is stage.steps[epoch]. REQUIRES: epoch <
// stage.steps.size().
std::vector<StepRows> StepsOfEpoch(const Plan& plan, const StagePlan& stage, uint32_t epoch);

// The rows of the stage's held-out examples, packed in the order of the file and cut as an epoch's.
std::vector<StepRows> HeldOutSteps(const Plan& plan, const StagePlan& stage);

// A step of a stage: epoch, and step within it.
using StepOfStage = std::pair<uint32_t, uint32_t>;

// The step of a stage, counted over its epochs from 0; and the other way round. REQUIRES: the stage
// has it.
uint32_t StepOverEpochs(const StagePlan& stage, const StepOfStage& at);
StepOfStage StepAt(const StagePlan& stage, uint32_t step);

// The steps from that one on, counted over the epochs; and the epochs that are whole before it.
std::set<StepOfStage> StepsFrom(const StagePlan& stage, uint32_t step);
uint32_t EpochsWithin(const StagePlan& stage, uint32_t steps);

// Those of stage.examples that are in a step that is not among `skipped`, ascending. Without
// skipped steps that is all, unless max_steps cuts the first epoch.
std::vector<uint32_t> ReachedExamples(const Plan& plan, const StagePlan& stage,
                                      const std::set<StepOfStage>& skipped = {});

// (seed, dataset SHA-256, pass): the key that row order and dropout masks derive from.
uint64_t StageKey(uint64_t seed, const Digest& dataset, uint32_t pass);

// For each rank the indices of its rows within the step, ascending; every row once. Balanced by
// token cost (longest processing time first), by token counts only. A rank may get none. REQUIRES:
// world ≥ 1.
std::vector<std::vector<uint32_t>> CutStep(const StepRows& rows, int world);

}  // namespace strata
