#include "coordinator/run/stage_results.h"

#include <algorithm>
#include <set>

#include "coordinator/plan/shards.h"

namespace strata {
namespace {

// Steps of the stage whose updates its adapter has: all, unless its end says otherwise.
uint32_t StepsKept(const StagePlan& stage, const RunState& state) {
  const auto end = state.stage_ends.find(stage.index);
  return end != state.stage_ends.end() ? end->second.steps_kept : stage.total_steps();
}

StageResult ResultOf(const Plan& plan, const StagePlan& stage, const RunState& state,
                     const RunRecord& record) {
  const auto error = state.stage_errors.find(stage.index);
  const auto end = state.stage_ends.find(stage.index);
  const uint32_t kept = StepsKept(stage, state);
  StageResult result;
  result.dataset = stage.dataset;
  result.tier = stage.tier;
  result.sha256 = stage.sha256;
  result.pass = stage.pass;
  result.examples = TrainedExamples(plan, stage, state, record).size();
  result.epochs = std::min(stage.complete_epochs, EpochsWithin(stage, kept));
  result.loss = record.StageLoss(stage.index, StepAt(stage, kept > 0 ? kept - 1 : 0));
  result.error = error != state.stage_errors.end() ? error->second : "";
  for (const EvaluationSeen& seen : record.Evaluations(stage.index)) {
    const uint32_t after = StepOverEpochs(stage, {seen.epoch, seen.step}) + 1;
    result.evaluations.push_back({.after_steps = after, .loss = seen.loss});
    if (after == kept) result.eval_loss = seen.loss;
  }
  if (end != state.stage_ends.end()) result.ended_early = end->second.reason;
  const uint64_t reached = ReachedExamples(plan, stage, StepsFrom(stage, kept)).size();
  result.left_out = {.bad_lines = stage.bad_lines,
                     .too_long = stage.refused_too_long,
                     .unsupervised = stage.refused_unsupervised,
                     .held_out = stage.held_out,
                     .already_trained = stage.already_trained,
                     .not_reached = stage.examples.size() - reached,
                     .truncated = stage.truncated,
                     .skipped = reached - result.examples};
  return result;
}

}  // namespace

std::vector<uint32_t> TrainedExamples(const Plan& plan, const StagePlan& stage,
                                      const RunState& state, const RunRecord& record) {
  std::set<StepOfStage> without = StepsFrom(stage, StepsKept(stage, state));
  without.merge(record.SkippedSteps(stage.index));
  return ReachedExamples(plan, stage, without);
}

std::vector<StageResult> StageResults(const Plan& plan, const RunState& state,
                                      const RunRecord& record) {
  std::vector<StageResult> results;
  for (const StagePlan& stage : plan.stages)
    results.push_back(ResultOf(plan, stage, state, record));
  return results;
}

RunReport ReportOf(const std::vector<StageResult>& stages,
                   const std::vector<SkippedDataset>& skipped) {
  RunReport report;
  report.stages = stages;
  for (const SkippedDataset& dataset : skipped) {
    if (!dataset.is_error) continue;
    StageResult stage;
    stage.dataset = dataset.dataset;
    stage.tier = dataset.tier;
    stage.error = dataset.reason;
    report.stages.push_back(stage);
  }
  return report;
}

}  // namespace strata
