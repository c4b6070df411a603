// What the service asks of the driver: RunDriver as a RunHost.
#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/run/run_driver.h"

namespace strata {
namespace {

double SecondsSince1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

v1::JoinReply RunDriver::Task() const {
  const std::lock_guard lock(mutex_);
  v1::JoinReply task = input_.task;
  task.set_run_id(input_.spec.run.value());
  task.set_attempt(state_.attempt.value());
  if (!launched_from_ || !task.has_train()) return task;
  v1::CheckpointInfo* info = task.mutable_train()->mutable_resume();
  info->mutable_next()->set_stage(launched_from_->next.stage);
  info->mutable_next()->set_epoch(launched_from_->next.epoch);
  info->mutable_next()->set_step(launched_from_->next.step);
  info->set_sha256(launched_from_->state.Hex());
  std::error_code error;
  const auto bytes = std::filesystem::file_size(checkpoints_.PathOf(*launched_from_), error);
  info->set_bytes(error ? 0 : bytes);
  return task;
}

absl::StatusOr<std::vector<v1::StepShard>> RunDriver::Shard(const ShardWindow& window) {
  if (input_.shards == nullptr) return absl::InvalidArgumentError("this run has no rows");
  std::unique_lock lock(mutex_);
  const int world = state_.world;
  lock.unlock();
  return input_.shards->Window(window, world);
}

Effects RunDriver::SubmitStep(const StepDone& done, const v1::StepRecord& step) {
  std::unique_lock lock(mutex_);
  Effects effects = Take(done, lock);
  if (!effects.record_step) return effects;
  const StepTotals totals = input_.shards->Totals(step.stage(), step.epoch(), step.step());
  StepSeen seen{.stage = step.stage(),
                .epoch = step.epoch(),
                .step = step.step(),
                .dataset = input_.stage_names[step.stage()],
                .loss = step.loss(),
                .learning_rate = step.learning_rate(),
                .grad_norm = step.grad_norm(),
                .seconds = step.seconds(),
                .reduce_seconds = step.reduce_seconds(),
                .time = SecondsSince1970(),
                .tokens = step.tokens(),
                .supervised = totals.supervised,
                .skipped = step.skipped(),
                .ranks = state_.world,
                .attempt = state_.attempt.value(),
                .device = state_.ranks[0].seat.device};
  record_.Add(seen);
  Tell(seen);
  steps_->Add(std::move(seen));
  return effects;
}

Effects RunDriver::SubmitEvaluation(const EvaluationDone& done,
                                    const v1::EvaluationRecord& evaluation) {
  std::unique_lock lock(mutex_);
  Effects effects = Take(done, lock);
  if (!effects.record_evaluation) return effects;
  EvaluationSeen seen{.stage = evaluation.stage(),
                      .epoch = evaluation.epoch(),
                      .step = evaluation.step(),
                      .dataset = input_.stage_names[evaluation.stage()],
                      .loss = evaluation.loss(),
                      .seconds = evaluation.seconds(),
                      .tokens = evaluation.tokens(),
                      .best = evaluation.best(),
                      .ends_stage = evaluation.ends_stage()};
  record_.Add(seen);
  Tell(seen);
  steps_->Add(std::move(seen));
  return effects;
}

absl::Status RunDriver::KeepCheckpoint(const Checkpoint& checkpoint, uint64_t bytes,
                                       const NextPiece& next) {
  if (input_.folder.empty()) return absl::InvalidArgumentError("this run keeps no checkpoints");
  absl::Status kept = checkpoints_.Keep(checkpoint, bytes, next);
  // The steps before it were reported before it was sent. Here, where no heartbeat waits.
  if (kept.ok()) kept = steps_->Sync();
  if (kept.ok() || absl::IsDataLoss(kept) || absl::IsInvalidArgument(kept)) return kept;
  const std::string words = absl::StrCat(
      "a checkpoint could not be kept; the training goes on without it: ", kept.message());
  const std::lock_guard lock(mutex_);
  due_.warnings.push_back(words);
  // Whatever the disk says: the rank is not to send it again, and not to fail.
  return absl::ResourceExhaustedError(words);
}

absl::StatusOr<std::filesystem::path> RunDriver::CheckpointToFetch() const {
  const std::lock_guard lock(mutex_);
  if (!launched_from_) return absl::FailedPreconditionError("this attempt begins without one");
  return checkpoints_.PathOf(*launched_from_);
}

void RunDriver::TakeCandidate(std::vector<float> adapter) {
  const std::lock_guard lock(mutex_);
  // The core forgets a lost attempt's candidate, whose successor brings another.
  if (candidate_.empty() || !state_.candidate) candidate_ = std::move(adapter);
}

void RunDriver::TakeEvaluation(double loss_sum, uint64_t tokens) {
  const std::lock_guard lock(mutex_);
  outcome_.loss_sum = loss_sum;
  outcome_.loss_tokens = tokens;
}

absl::StatusOr<bool> RunDriver::TakeGeneration(const v1::ReportGenerationRequest& report) {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(generated_.Take(report));
  wake_.notify_all();
  return generated_.complete();
}

}  // namespace strata
