// Trains one stage: fetches each step's rows, accumulates their gradients, reduces once over all
// ranks and updates the adapter. Takes a StepSource and a Collective, changes a FlatAdapter, tells
// a TrainingObserver.
//
// Model: the loss of a step is Σ NLL / supervised tokens of the whole step; one flat fp32 buffer
// carries gradients, loss, non-finite count and the wishes to stop and to take a checkpoint, so
// every rank decides the same at the same step. AdamW's moments begin anew. Held-out rows are
// evaluated between steps and may end the stage sooner. Errors: what source, collective, observer
// or libtorch throw passes through; the adapter is then part-trained.
#pragma once

#include <cstdint>
#include <string>

#include "worker/model/decoder.h"
#include "worker/train/flat_adapter.h"
#include "worker/train/stage_settings.h"
#include "worker/train/training.h"

namespace strata {

enum class StageEnd {
  kTrained,
  kDataError,  // the adapter is as it was before the stage
  kStopped,    // a rank asked for it; the step it asked before is in the last checkpoint
};

struct StageResult {
  StageEnd end = StageEnd::kTrained;
  std::string error = {};  // "" unless kDataError
  // kTrained: the adapter is that after so many steps; and why, in words, when it is not the last
  // one's.
  uint32_t steps_kept = 0;
  std::string reason = {};
};

// Every rank calls it with the same settings and the same adapter and gets the same result. With
// `resume`, a state that OnCheckpoint was told of within this stage, it goes on from there: the
// adapter at its end is byte-equal to that of a stage that was never interrupted, with the same
// ranks and micro-batch on the CPU.
StageResult TrainStage(const StageSettings& settings, TrainingEngine engine,
                       TrainingObserver& observer, const TrainState* resume = nullptr);

}  // namespace strata
