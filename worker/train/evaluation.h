// Measures the loss of an adapter on held-out rows: no dropout, no gradients, summed over all
// ranks.
#pragma once

#include <cstdint>
#include <functional>

#include "worker/model/decoder.h"
#include "worker/train/flat_adapter.h"
#include "worker/train/training.h"

namespace strata {

struct Evaluation {
  double loss_sum = 0;  // nats, over all supervised tokens; not finite when any is not
  int64_t tokens = 0;   // supervised
};

// This rank's share of a step of the rows that are evaluated, from 0.
using FetchStep = std::function<StepWork(uint32_t step)>;

// Every rank calls it and gets the same figures. An adapter whose B are zero measures the base.
// REQUIRES: micro_batch_size > 0.
Evaluation EvaluateStage(uint32_t steps, uint32_t micro_batch_size, TrainingEngine engine,
                         const FetchStep& fetch);

}  // namespace strata
