// Makes the messages that carry a step's rows to a rank. Takes a Plan and the tokens of its stages.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/plan/plan.h"
#include "coordinator/plan/shards.h"
#include "coordinator/service/run_host.h"
#include "coordinator/tokens/dataset_tokens.h"
#include "strata/v1/training.pb.h"

namespace strata {

struct StepTotals {
  uint64_t tokens = 0, supervised = 0;  // of all ranks
};

// Of a window: a rank that asks for a whole epoch would have it held in memory at once.
inline constexpr uint32_t kWindowStepsMax = 256;

// Threads: every function may be called from several at once.
class ShardSource {
 public:
  // `tokens[i]` belongs to plan.stages[i]; all outlive this.
  ShardSource(const Plan* plan, std::vector<const DatasetTokens*> tokens);
  // One rank's share of each step among `world` ranks. INVALID_ARGUMENT when the plan has no such
  // window or it has more than kWindowStepsMax steps; DATA_LOSS when a token file changed or has
  // not the plan's examples.
  absl::StatusOr<std::vector<v1::StepShard>> Window(const ShardWindow& window, int world);
  // REQUIRES: the plan has the step.
  StepTotals Totals(uint32_t stage, uint32_t epoch, uint32_t step);

 private:
  // In the place of an epoch: the stage's held-out rows.
  static constexpr uint32_t kHeldOut = UINT32_MAX;
  using EpochSteps = std::shared_ptr<const std::vector<StepRows>>;
  // The steps of an epoch, kept for the epochs that were asked for last: ranks fetch ahead while
  // the steps before are still being recorded.
  EpochSteps Epoch(uint32_t stage, uint32_t epoch);
  // Of an epoch or of the held-out rows; 0 for what the plan does not have.
  uint32_t StepCount(const ShardWindow& window) const;
  StepTotals TotalsOf(uint32_t stage, const StepRows& rows) const;
  // DATA_LOSS for an example that its tokens do not have.
  absl::Status CheckExamples(uint32_t stage, const StepRows& rows) const;
  absl::Status AddRow(uint32_t stage, uint32_t index, const RowPlan& row,
                      v1::StepShard* shard) const;

  const Plan* const plan_;
  const std::vector<const DatasetTokens*> tokens_;
  std::mutex mutex_;
  std::deque<std::pair<std::pair<uint32_t, uint32_t>, EpochSteps>> kept_;  // guarded by mutex_
};

}  // namespace strata
