#include "coordinator/run/shard_source.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr size_t kEpochsKept = 4;

}  // namespace

ShardSource::ShardSource(const Plan* plan, std::vector<const DatasetTokens*> tokens)
    : plan_(plan), tokens_(std::move(tokens)) {}

ShardSource::EpochSteps ShardSource::Epoch(uint32_t stage, uint32_t epoch) {
  const std::pair<uint32_t, uint32_t> wanted{stage, epoch};
  const std::lock_guard lock(mutex_);
  for (const auto& [known, steps] : kept_) {
    if (known == wanted) return steps;
  }
  auto steps = std::make_shared<const std::vector<StepRows>>(
      epoch == kHeldOut ? HeldOutSteps(*plan_, plan_->stages[stage])
                        : StepsOfEpoch(*plan_, plan_->stages[stage], epoch));
  kept_.emplace_back(wanted, steps);
  if (kept_.size() > kEpochsKept) kept_.pop_front();
  return steps;
}

StepTotals ShardSource::TotalsOf(uint32_t stage, const StepRows& rows) const {
  StepTotals totals;
  for (const RowPlan& row : rows) {
    totals.tokens += row.tokens;
    for (const uint32_t example : row.examples)
      totals.supervised += tokens_[stage]->counts()[example].supervised;
  }
  return totals;
}

StepTotals ShardSource::Totals(uint32_t stage, uint32_t epoch, uint32_t step) {
  return TotalsOf(stage, (*Epoch(stage, epoch))[step]);
}

absl::Status ShardSource::AddRow(uint32_t stage, uint32_t index, const RowPlan& row,
                                 v1::StepShard* shard) const {
  v1::Row* message = shard->add_rows();
  message->set_index(index);
  for (const uint32_t example : row.examples) {
    ASSIGN_OR_RETURN(const TokenizedExample tokens, tokens_[stage]->Read(example));
    const auto begin = static_cast<uint32_t>(message->ids_size());
    message->mutable_ids()->Add(tokens.ids.begin(), tokens.ids.end());
    message->add_example_lengths(static_cast<uint32_t>(tokens.ids.size()));
    for (const Span& span : tokens.supervised) {
      message->add_supervised_spans(begin + span.begin);
      message->add_supervised_spans(begin + span.end);
    }
  }
  return absl::OkStatus();
}

uint32_t ShardSource::StepCount(const ShardWindow& window) const {
  if (window.stage >= plan_->stages.size()) return 0;
  const StagePlan& stage = plan_->stages[window.stage];
  if (window.held_out) return window.epoch == 0 ? stage.held_out_steps : 0;
  return window.epoch < stage.steps.size() ? stage.steps[window.epoch] : 0;
}

absl::Status ShardSource::CheckExamples(uint32_t stage, const StepRows& rows) const {
  for (const RowPlan& row : rows) {
    for (const uint32_t example : row.examples) {
      if (example >= tokens_[stage]->counts().size()) {
        return absl::DataLossError(
            absl::StrCat("the plan has example ", example, " of ", plan_->stages[stage].dataset,
                         ", its tokens end before it; start the training anew"));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::StepShard>> ShardSource::Window(const ShardWindow& window,
                                                               int world) {
  const uint32_t steps = StepCount(window);
  if (steps == 0 || window.first_step > steps || window.step_count > steps - window.first_step ||
      window.rank.value() < 0 || window.rank.value() >= world) {
    return absl::InvalidArgumentError("the plan has no such window of steps");
  }
  if (window.step_count > kWindowStepsMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a window of ", window.step_count, " steps; ask for ", kWindowStepsMax, " at most"));
  }
  const StagePlan& stage = plan_->stages[window.stage];
  const EpochSteps steps_of_epoch = Epoch(window.stage, window.held_out ? kHeldOut : window.epoch);
  const std::vector<StepRows>& epoch = *steps_of_epoch;
  std::vector<v1::StepShard> shards(window.step_count);
  for (uint32_t i = 0; i < window.step_count; ++i) {
    const uint32_t step = window.first_step + i;
    RETURN_IF_ERROR(CheckExamples(window.stage, epoch[step]));
    const StepTotals totals = TotalsOf(window.stage, epoch[step]);
    shards[i].set_step(step);
    if (!window.held_out) {
      shards[i].set_learning_rate(
          LearningRateAt(*plan_, stage, StepOverEpochs(stage, {window.epoch, step})));
    }
    shards[i].set_step_supervised_tokens(totals.supervised);
    shards[i].set_step_tokens(totals.tokens);
    const std::vector<std::vector<uint32_t>> cut = CutStep(epoch[step], world);
    for (const uint32_t row : cut[window.rank.value()]) {
      RETURN_IF_ERROR(AddRow(window.stage, row, epoch[step][row], &shards[i]));
    }
  }
  return shards;
}

}  // namespace strata
