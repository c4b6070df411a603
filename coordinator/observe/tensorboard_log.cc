#include "coordinator/observe/tensorboard_log.h"

#include <chrono>
#include <cmath>

#include "common/status_macros.h"

namespace strata {
namespace {

double Seconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

// After the step, within the stage: 1.5 is half of the second epoch, as in the Trainer's logs.
double EpochsDone(const StepNumbers& numbers, const Position& at) {
  const uint32_t steps = numbers.OfEpoch(at.stage, at.epoch);
  return at.epoch + (steps > 0 ? (at.step + 1.0) / steps : 0.0);
}

}  // namespace

absl::StatusOr<TensorBoardLog> TensorBoardLog::Begin(const std::filesystem::path& folder,
                                                     const std::string& run, StepNumbers numbers,
                                                     const std::optional<Position>& resumed) {
  const double now = Seconds(std::chrono::system_clock::now());
  ASSIGN_OR_RETURN(EventFile file, EventFile::Create(folder, run, now));
  TensorBoardLog log(std::move(file), std::move(numbers));
  if (resumed) {
    log.last_ = log.numbers_.Before(*resumed);
    log.file_.AddPurge(now, static_cast<int64_t>(log.last_) + 1);
  }
  return log;
}

void TensorBoardLog::Take(const TimedNews& news) {
  if (const auto* step = std::get_if<StepSeen>(&news.news)) Take(*step);
  if (const auto* evaluation = std::get_if<EvaluationSeen>(&news.news))
    Take(*evaluation, Seconds(news.time));
}

void TensorBoardLog::Take(const StepSeen& step) {
  const Position at{step.stage, step.epoch, step.step};
  const uint64_t number = numbers_.Before(at) + 1;
  if (number <= last_) file_.AddPurge(step.time, static_cast<int64_t>(number));
  last_ = number;
  file_.AddScalars(step.time, static_cast<int64_t>(number),
                   {{"train/loss", step.loss},
                    {"train/learning_rate", step.learning_rate},
                    {"train/grad_norm", step.grad_norm},
                    {"train/epoch", EpochsDone(numbers_, at)},
                    {"train/stage", step.stage},
                    {"train/tokens_per_second",
                     step.seconds > 0 ? static_cast<double>(step.tokens) / step.seconds : 0},
                    {"train/step_seconds", step.seconds}});
}

void TensorBoardLog::Take(const EvaluationSeen& evaluation, double time) {
  const Position after{evaluation.stage, evaluation.epoch, evaluation.step};
  file_.AddScalars(time, static_cast<int64_t>(numbers_.Before(after) + 1),
                   {{"eval/loss", evaluation.loss}, {"eval/runtime", evaluation.seconds}});
}

}  // namespace strata
