// Holds what a stage's training is told beforehand. Every rank has the same.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/train/adamw.h"
#include "worker/train/held_out.h"
#include "worker/train/loss_watchdog.h"

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

}  // namespace strata
