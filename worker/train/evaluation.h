// Measures the loss of an adapter on held-out rows: no dropout, no gradients, summed over all
// ranks.
#pragma once

#include <cstdint>

#include "worker/model/decoder.h"
#include "worker/train/flat_adapter.h"
#include "worker/train/training.h"

namespace strata {

struct Evaluation {
  double loss_sum = 0;  // nats, over all supervised tokens; not finite when any is not
  int64_t tokens = 0;   // supervised
};

// Every rank calls it and gets the same figures. Steps are fetched as (stage 0, epoch 0, step); an
// adapter whose B are zero measures the base. REQUIRES: micro_batch_size > 0.
Evaluation EvaluateStage(uint32_t steps, uint32_t micro_batch_size, Decoder& decoder,
                         FlatAdapter& adapter, StepSource& source, Collective& collective);

}  // namespace strata
