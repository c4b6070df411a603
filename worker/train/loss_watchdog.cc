#include "worker/train/loss_watchdog.h"

#include <sstream>

namespace strata {
namespace {

std::string Nonfinite(const StepReport& last, const std::string& where) {
  std::ostringstream error;
  error << "the loss or a gradient was not finite in " << where << "; the last: stage "
        << last.position.stage << ", epoch " << last.position.epoch << ", step "
        << last.position.step << ", loss " << last.loss << ", gradient norm " << last.grad_norm
        << ", learning rate " << last.learning_rate
        << "; look at the dataset's examples or lower the learning rate";
  return error.str();
}

std::string TooHigh(const StepReport& last, uint32_t steps, double threshold) {
  std::ostringstream error;
  error << "the loss was above loss_watchdog_threshold, " << threshold << ", in " << steps
        << (steps == 1 ? " step" : " steps in a row") << "; the last: stage " << last.position.stage
        << ", epoch " << last.position.epoch << ", step " << last.position.step << ", loss "
        << last.loss << ", learning rate " << last.learning_rate
        << "; look at the dataset's examples, lower the learning rate, or raise the threshold";
  return error.str();
}

}  // namespace

std::string LossWatchdog::Judge(const StepReport& report, bool epoch_ends) {
  const bool high = settings_.loss_threshold > 0 && report.loss > settings_.loss_threshold;
  if (!report.skipped) counts_.high_in_a_row = high ? counts_.high_in_a_row + 1 : 0;
  counts_.nonfinite_in_a_row = report.skipped ? counts_.nonfinite_in_a_row + 1 : 0;
  counts_.applied += !report.skipped;
  if (report.skipped && counts_.nonfinite_in_a_row >= settings_.nonfinite_steps_max)
    return Nonfinite(report, std::to_string(counts_.nonfinite_in_a_row) + " steps in a row");
  if (counts_.high_in_a_row > 0 && counts_.high_in_a_row >= settings_.loss_patience)
    return TooHigh(report, counts_.high_in_a_row, settings_.loss_threshold);
  if (!epoch_ends) return "";
  // Such an epoch taught nothing and has no loss that could be told.
  if (counts_.applied == 0)
    return Nonfinite(report, "every step of epoch " + std::to_string(report.position.epoch));
  counts_.applied = 0;
  return "";
}

}  // namespace strata
