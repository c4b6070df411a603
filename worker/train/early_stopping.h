// Follows the loss over a stage's held-out rows: keeps the adapter of the least, says when it is
// time to stop. Takes what held_out.h measures; gives the stage what it leaves. Every rank holds
// the same: the losses come from sums over all ranks.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "common/train_state.h"

namespace strata {

class EarlyStopping {
 public:
  // So many losses in a row that are not a new least one end the stage; 0: none does, and no
  // adapter is kept.
  explicit EarlyStopping(uint32_t patience) : patience_(patience) {}

  // `loss` of the adapter values_N, that of the stage's step `steps_done` (from 1); true when it is
  // the least so far. A loss that is not finite never is.
  bool Take(double loss, uint32_t steps_done, const at::Tensor& values_N);
  // Patience is at its end.
  bool ends_stage() const { return patience_ > 0 && worse_in_a_row_ >= patience_; }

  // Writes what it remembers into the header; the kept adapter, where there is one, is best_N().
  void Save(TrainStateHeader* header) const;
  const at::Tensor& best_N() const { return best_values_N_; }
  // Goes on from what Save wrote. `best_N`: the kept adapter, undefined where none was kept.
  void Restore(const TrainStateHeader& header, const at::Tensor& best_N);

  // Puts the kept adapter into values_N when it is not that of step `steps_done`, the last that was
  // done of `steps_planned`. Gives the step whose adapter values_N then has; and in `reason`, why
  // it is not the last planned one, "" when it is.
  uint32_t Leave(uint32_t steps_done, uint32_t steps_planned, at::Tensor& values_N,
                 std::string* reason) const;

 private:
  const uint32_t patience_;
  uint32_t worse_in_a_row_ = 0;
  uint32_t best_steps_ = 0;  // 0: no finite loss yet
  double best_loss_ = 0;
  at::Tensor best_values_N_;
};

}  // namespace strata
