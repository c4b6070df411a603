#include "coordinator/run/run_record.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace strata {

void RunRecord::Add(const StepSeen& step) {
  steps_.push_back({{step.stage, step.epoch, step.step},
                    step.skipped ? 0 : step.loss * static_cast<double>(step.supervised),
                    step.skipped ? 0 : step.supervised,
                    step.seconds,
                    step.skipped});
}

void RunRecord::Add(const EvaluationSeen& evaluation) { evaluations_.push_back(evaluation); }

void RunRecord::ForgetFrom(const Position& next) {
  while (!steps_.empty() && steps_.back().at >= next) steps_.pop_back();
  while (!evaluations_.empty() && Position{evaluations_.back().stage, evaluations_.back().epoch,
                                           evaluations_.back().step} >= next) {
    evaluations_.pop_back();
  }
}

std::set<StepOfStage> RunRecord::SkippedSteps(uint32_t stage) const {
  std::set<StepOfStage> skipped;
  for (const StepLoss& step : steps_) {
    if (step.at.stage == stage && step.skipped) skipped.insert({step.at.epoch, step.at.step});
  }
  return skipped;
}

uint64_t RunRecord::StepsOf(uint32_t stage) const {
  uint64_t steps = 0;
  for (const StepLoss& step : steps_) steps += step.at.stage == stage;
  return steps;
}

absl::Status RunRecord::CheckCovers(const RunState& state,
                                    const std::filesystem::path& file) const {
  const Position next = state.recorded;
  for (uint32_t stage = 0; stage <= next.stage; ++stage) {
    uint64_t expected = 0;
    if (stage == next.stage) {
      for (uint32_t epoch = 0; epoch < next.epoch; ++epoch)
        expected += state.spec.stages[stage][epoch];
      expected += next.step;
    } else if (const auto end = state.stage_ends.find(stage); end != state.stage_ends.end()) {
      expected = end->second.steps_kept;
    }
    if (StepsOf(stage) >= expected) continue;
    return absl::DataLossError(absl::StrCat(
        file.string(), " has ", StepsOf(stage), " of the ", expected, " steps of stage ", stage,
        " before the run's checkpoint: put it back, or drop the run: strata train --restart"));
  }
  return absl::OkStatus();
}

double RunRecord::StageLoss(uint32_t stage, const StepOfStage& last) const {
  uint32_t epoch = 0;
  double loss = 0;
  uint64_t supervised = 0;
  for (const StepLoss& step : steps_) {
    if (step.at.stage != stage || step.skipped) continue;
    if (StepOfStage{step.at.epoch, step.at.step} > last) break;
    if (step.at.epoch != epoch) loss = 0, supervised = 0;
    epoch = step.at.epoch;
    loss += step.loss;
    supervised += step.supervised;
  }
  return supervised > 0 ? loss / static_cast<double>(supervised) : std::nan("");
}

std::vector<EvaluationSeen> RunRecord::Evaluations(uint32_t stage) const {
  std::vector<EvaluationSeen> of_stage;
  for (const EvaluationSeen& seen : evaluations_) {
    if (seen.stage == stage) of_stage.push_back(seen);
  }
  return of_stage;
}

double RunRecord::seconds() const {
  double seconds = 0;
  for (const StepLoss& step : steps_) seconds += std::isfinite(step.seconds) ? step.seconds : 0;
  return seconds;
}

}  // namespace strata
