// Remembers what a run's steps came to: losses, skipped steps, evaluations. The driver fills it as
// the workers report, and from steps.jsonl when a run is gone on with; the stages' results are made
// from it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/core/run_core.h"
#include "coordinator/plan/shards.h"
#include "coordinator/run/step_log.h"

namespace strata {

class RunRecord {
 public:
  // In the order of training; `step.supervised` is known.
  void Add(const StepSeen& step);
  void Add(const EvaluationSeen& evaluation);
  // Forgets this step, all behind it, and the evaluations after them: they will be done again.
  void ForgetFrom(const Position& next);

  // The steps of a stage that no rank applied.
  std::set<StepOfStage> SkippedSteps(uint32_t stage) const;
  // DATA_LOSS, naming `file` where it was read from, when a step before state.recorded is missing:
  // what a run's results are counted from would be wrong. Of a stage that ended, so many steps must
  // be there as its adapter has.
  absl::Status CheckCovers(const RunState& state, const std::filesystem::path& file) const;
  // Token mean of the NLL over a stage's applied steps in the last epoch that has one of those up
  // to `last`; NaN when there is none.
  double StageLoss(uint32_t stage, const StepOfStage& last) const;
  // The evaluations of a stage's held-out rows, in order.
  std::vector<EvaluationSeen> Evaluations(uint32_t stage) const;
  // Of all steps that stand.
  double seconds() const;

 private:
  struct StepLoss {
    Position at;
    double loss = 0;  // Σ token NLL
    uint64_t supervised = 0;
    double seconds = 0;
    bool skipped = false;
  };
  // How many steps of a stage stand, skipped ones among them.
  uint64_t StepsOf(uint32_t stage) const;

  std::vector<StepLoss> steps_;              // in order
  std::vector<EvaluationSeen> evaluations_;  // in order
};

}  // namespace strata
