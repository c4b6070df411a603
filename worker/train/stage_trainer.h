// Trains one stage: fetches each step's rows, accumulates their gradients, reduces once over all
// ranks and updates the adapter. Takes a StepSource and a Collective, changes a FlatAdapter, tells
// a TrainingObserver.
//
// Model: the loss of a step is Σ NLL / supervised tokens of the whole step; one flat fp32 buffer
// carries gradients, loss, non-finite count and stop word, so every rank decides the same at the
// same step. AdamW's moments begin anew. Held-out rows are evaluated between steps and may end the
// stage sooner. Errors: what source, collective, observer or libtorch
// throw passes through; the adapter is then part-trained.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "worker/model/decoder.h"
#include "worker/train/adamw.h"
#include "worker/train/flat_adapter.h"
#include "worker/train/held_out.h"
#include "worker/train/loss_watchdog.h"
#include "worker/train/training.h"

namespace strata {

struct StageSettings {
  uint32_t index = 0;
  std::vector<uint32_t> steps;  // of each epoch
  uint64_t dropout_key = 0;     // of (seed, dataset, pass); NEFTune's noise is of it, too
  AdamWSettings adamw;
  uint32_t micro_batch_size = 1;  // rows per backward pass; at least 1
  bool gradient_checkpointing = false;
  double neftune_noise_alpha = 0;  // 0 adds no noise
  WatchdogSettings watchdog;
  HeldOutSettings held_out;
};

enum class StageEnd {
  kTrained,
  kDataError,  // the adapter is as it was before the stage
  kStopped,    // a rank asked for it; the step it asked before has been applied
};

struct StageResult {
  StageEnd end = StageEnd::kTrained;
  std::string error = {};  // "" unless kDataError
  // kTrained: the adapter is that after so many steps; and why, in words, when it is not the last
  // one's.
  uint32_t steps_kept = 0;
  std::string reason = {};
};

// Every rank calls it with the same settings and the same adapter and gets the same result.
StageResult TrainStage(const StageSettings& settings, Decoder& decoder, FlatAdapter& adapter,
                       StepSource& source, Collective& collective, TrainingObserver& observer);

}  // namespace strata
