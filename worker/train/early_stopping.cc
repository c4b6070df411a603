#include "worker/train/early_stopping.h"

#include <ATen/ATen.h>

#include <cmath>
#include <sstream>

namespace strata {

bool EarlyStopping::Take(double loss, uint32_t steps_done, const at::Tensor& values_N) {
  if (!std::isfinite(loss) || (best_steps_ > 0 && loss >= best_loss_)) {
    ++worse_in_a_row_;
    return false;
  }
  worse_in_a_row_ = 0;
  best_loss_ = loss;
  best_steps_ = steps_done;
  if (patience_ == 0) return true;
  if (!best_values_N_.defined()) best_values_N_ = at::empty_like(values_N);
  best_values_N_.copy_(values_N);
  return true;
}

void EarlyStopping::Save(TrainStateHeader* header) const {
  header->worse_in_a_row = worse_in_a_row_;
  header->best_steps = best_steps_;
  header->best_loss = best_loss_;
  header->keeps_best = best_values_N_.defined();
}

void EarlyStopping::Restore(const TrainStateHeader& header, const at::Tensor& best_N) {
  worse_in_a_row_ = header.worse_in_a_row;
  best_steps_ = header.best_steps;
  best_loss_ = header.best_loss;
  best_values_N_ = best_N;
}

uint32_t EarlyStopping::Leave(uint32_t steps_done, uint32_t steps_planned, at::Tensor& values_N,
                              std::string* reason) const {
  const bool goes_back = best_values_N_.defined() && best_steps_ < steps_done;
  if (goes_back) values_N.copy_(best_values_N_);
  const uint32_t kept = goes_back ? best_steps_ : steps_done;
  std::ostringstream words;
  if (steps_done < steps_planned) {
    words << "stopped early after " << steps_done << " of " << steps_planned
          << " updates: " << worse_in_a_row_
          << (worse_in_a_row_ == 1 ? " evaluation" : " evaluations in a row")
          << " without a lower held-out loss";
  } else if (goes_back) {
    words << "all " << steps_planned << " updates were done";
  }
  if (goes_back) {
    words << "; the adapter is that of update " << kept
          << ", whose held-out loss is the least: " << best_loss_;
  }
  *reason = words.str();
  return kept;
}

}  // namespace strata
