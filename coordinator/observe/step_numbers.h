// Numbers the updates of a run from its first to its last: what curves and metrics count by.
// Takes the steps of each stage and epoch, as the plan has them.
//
// A stage that ended early leaves its other numbers out: the next stage begins where it would have.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "coordinator/core/run_events.h"
#include "coordinator/plan/plan.h"

namespace strata {

class StepNumbers {
 public:
  explicit StepNumbers(const Plan& plan) {
    for (const StagePlan& stage : plan.stages) steps_.push_back(stage.steps);
  }
  // Updates before this place. What the plan does not have counts as its end.
  uint64_t Before(const Position& at) const {
    uint64_t before = 0;
    for (uint32_t stage = 0; stage < steps_.size() && stage <= at.stage; ++stage) {
      for (uint32_t epoch = 0; epoch < steps_[stage].size(); ++epoch) {
        if (stage < at.stage || epoch < at.epoch) before += steps_[stage][epoch];
        if (stage == at.stage && epoch == at.epoch) before += at.step;
      }
    }
    return before;
  }
  uint64_t total() const { return Before({static_cast<uint32_t>(steps_.size()), 0, 0}); }
  // Updates of one epoch; 0 when the plan has none such.
  uint32_t OfEpoch(uint32_t stage, uint32_t epoch) const {
    return stage < steps_.size() && epoch < steps_[stage].size() ? steps_[stage][epoch] : 0;
  }

 private:
  std::vector<std::vector<uint32_t>> steps_;  // of each stage, of each epoch
};

}  // namespace strata
