// Names the state of a training between two steps: where it is and the counters that decide what
// comes next. The training loop (worker/train) fills and takes it, train_state_bytes.h writes it.
//
// Model: beside the header there are sections, each of `elements` fp32 values: the adapter; and
// within a stage the first and second moments, the adapter from before the stage, and (where
// held-out rows have a least loss) the adapter of it. The same training has the same state on every
// rank.
#pragma once

#include <cstdint>

namespace strata {

struct TrainStateHeader {
  uint32_t stage = 0, epoch = 0, step = 0;  // the next to be done; step 0: the stage begins anew
  uint64_t elements = 0;                    // of the flat adapter
  uint64_t updates = 0;                     // of AdamW in this stage
  // The loss watchdog's: steps in a row, and steps applied in the epoch.
  uint32_t nonfinite_in_a_row = 0, high_in_a_row = 0, applied = 0;
  bool evaluation_due = false;  // the held-out rows, after the last step
  // Early stopping's.
  uint32_t worse_in_a_row = 0, best_steps = 0;  // best_steps 0: no finite loss yet
  double best_loss = 0;
  bool keeps_best = false;  // there is a section with the adapter of the least loss
  bool operator==(const TrainStateHeader&) const = default;
};

// Sections that follow the header: 1 where a stage begins, else 4 or 5.
inline uint32_t SectionsOf(const TrainStateHeader& header) {
  if (header.step == 0) return 1;
  return header.keeps_best ? 5 : 4;
}
}  // namespace strata
