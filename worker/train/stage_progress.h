// Holds what a stage's training remembers from step to step beside the adapter's values: moments,
// counters, what to go back to. Gives it as a TrainState, and goes on from one.
#pragma once

#include <ATen/core/Tensor.h>

#include "worker/train/flat_adapter.h"
#include "worker/train/stage_settings.h"
#include "worker/train/training.h"

namespace strata {

struct StageProgress {
  // At the beginning of a stage, with the adapter as it is then.
  StageProgress(const StageSettings& settings, const FlatAdapter& adapter);

  // A copy of all that the rest of the stage depends on. `done`: the last step that was done.
  TrainState Save(const StagePosition& done, const FlatAdapter& adapter, bool evaluation_due) const;
  // Takes the state over, the adapter's values with it. Throws std::invalid_argument when it is
  // none of this stage and adapter.
  void Restore(const TrainState& state, FlatAdapter& adapter);
  // The adapter is again that from before the stage.
  void Undo(FlatAdapter& adapter) const;

  const uint32_t stage;
  AdamW adamw;
  LossWatchdog watchdog;
  HeldOut held_out;
  at::Tensor before_N;  // on the CPU
};

// The state at the beginning of a stage: the adapter alone.
TrainState BeginningOfStage(uint32_t stage, const FlatAdapter& adapter);

}  // namespace strata
