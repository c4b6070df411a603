#include "worker/task/reporter.h"

#include "worker/task/or_throw.h"
#include "worker/train/stage_progress.h"

namespace strata {
namespace {

constexpr std::chrono::milliseconds kReportEvery{100};

}  // namespace

Reporter::Reporter(CoordinatorClient* client, CheckpointSender* sender, int rank)
    : client_(client),
      sender_(sender),
      reports_(rank == 0),
      sent_(Clock::now()),
      saved_(Clock::now()) {}

void Reporter::OnStep(const StepReport& report) {
  ++client_->progress().headway;
  client_->SetPosition({report.position.stage, report.position.epoch, report.position.step + 1});
  if (!reports_) return;
  pending_.push_back(report);
  if (Clock::now() - sent_ > kReportEvery) Flush();
}

void Reporter::OnEvaluation(const EvaluationReport& report) {
  ++client_->progress().headway;
  if (!reports_) return;
  evaluations_.push_back(report);
  // At once, so that the next step's report does not come before it.
  Flush();
}

bool Reporter::StopRequested() { return client_->StopRequested(); }

bool Reporter::CheckpointDue(const StagePosition& step, bool last) {
  if (!reports_) return false;
  const WorkerTask& task = client_->task();
  const uint32_t steps = StepsUntil(task.stages[step.stage].steps, step);
  if (task.save_steps > 0 && steps % task.save_steps == 0) wants_checkpoint_ = true;
  const std::chrono::duration<double, std::ratio<60>> age = Clock::now() - saved_;
  if (task.save_minutes > 0 && age.count() >= task.save_minutes) wants_checkpoint_ = true;
  return wants_checkpoint_ && !last && sender_->idle();
}

void Reporter::OnCheckpoint(TrainState state) {
  Flush();
  sender_->Send(std::move(state));
  wants_checkpoint_ = false;
  saved_ = Clock::now();
}

void Reporter::OnStageBegins(uint32_t stage, const FlatAdapter& adapter) {
  const WorkerTask& task = client_->task();
  if (task.save_steps > 0 || task.save_minutes > 0) OnCheckpoint(BeginningOfStage(stage, adapter));
}

void Reporter::Flush() {
  if (pending_.empty() && evaluations_.empty()) return;
  OrThrow(client_->ReportSteps(pending_, evaluations_));
  pending_.clear();
  evaluations_.clear();
  sent_ = Clock::now();
}

}  // namespace strata
