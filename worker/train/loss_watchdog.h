// Says when a stage's data can't be trained: too many steps in a row that are not finite or lie
// above a threshold, or an epoch without an applied step. Takes each step's report; the loop then
// undoes the stage.
#pragma once

#include <cstdint>
#include <string>

#include "worker/train/step_work.h"

namespace strata {

struct WatchdogSettings {
  uint32_t nonfinite_steps_max = 1;  // in a row; at that many the stage fails
  double loss_threshold = 0;         // nats; 0: any finite loss will do
  uint32_t loss_patience = 1;        // steps in a row above it; at that many the stage fails
};

// What it remembers from step to step.
struct WatchdogCounts {
  uint32_t nonfinite_in_a_row = 0, high_in_a_row = 0;
  uint32_t applied = 0;  // steps of the epoch
};

class LossWatchdog {
 public:
  explicit LossWatchdog(const WatchdogSettings& settings) : settings_(settings) {}

  // What is wrong with the stage's data, with figures and what to do; "" when it may go on.
  // `epoch_ends`: the step is the last of its epoch. Reports come in the order of training.
  std::string Judge(const StepReport& report, bool epoch_ends);
  const WatchdogCounts& counts() const { return counts_; }
  void Restore(const WatchdogCounts& counts) { counts_ = counts; }

 private:
  const WatchdogSettings settings_;
  WatchdogCounts counts_;
};

}  // namespace strata
