#include "coordinator/run/run_driver.h"

#include <chrono>
#include <cmath>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/service/training_server.h"
#include "coordinator/store/metadata.h"

namespace strata {
namespace {

constexpr std::chrono::milliseconds kTick{100};
constexpr int kLeaveSeconds = 5;  // for ranks that have done their task to end by themselves

Millis Now() {
  return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

RunDriver::RunDriver(DriveInput input)
    : input_(std::move(input)),
      token_(RandomHex(16)),
      state_(NewRun(input_.spec)),
      generated_(static_cast<size_t>(input_.task.generate().prompts_size())) {}

Effects RunDriver::Submit(const Event& event) {
  const std::lock_guard lock(mutex_);
  return SubmitLocked(event);
}

absl::Status RunDriver::Keep(const std::vector<JournalLine>& lines) {
  if (input_.journal.empty()) return absl::OkStatus();
  for (const JournalLine& line : lines) {
    Json body = {{"attempt", line.attempt.value()}, {"words", line.words}};
    if (line.stage) body["stage"] = *line.stage;
    if (line.adapter) body["adapter"] = line.adapter->Hex();
    const std::string now = Iso8601(std::chrono::system_clock::now());
    RETURN_IF_ERROR(journal_.Append(FileSystem::Real(), line.kind, now, std::move(body)));
  }
  return absl::OkStatus();
}

Effects RunDriver::SubmitLocked(const Event& event) {
  Effects effects = Step(state_, event, Now());
  // Effects that could not be kept are not carried out. A verdict stands: a commit that happened
  // stays one.
  if (const absl::Status kept = Keep(effects.journal); !kept.ok() && !effects.verdict) {
    effects = Step(state_, JournalFailed{std::string(kept.message())}, Now());
  }
  due_.commit |= effects.commit;
  due_.end_group |= effects.end_group;
  if (effects.verdict && !due_.verdict) {
    due_.verdict = effects.verdict;
    due_.why = effects.why;
  }
  wake_.notify_all();
  return effects;
}

absl::StatusOr<std::vector<v1::StepShard>> RunDriver::Shard(const ShardWindow& window) {
  if (input_.shards == nullptr) return absl::InvalidArgumentError("this run has no rows");
  return input_.shards->Window(window);
}

void RunDriver::RecordStep(const v1::StepRecord& step) {
  const StepTotals totals = input_.shards->Totals(step.stage(), step.epoch(), step.step());
  const std::lock_guard lock(mutex_);
  const StepOfStage at{step.epoch(), step.step()};
  if (step.skipped()) {
    skipped_[step.stage()].insert(at);
  } else {
    losses_[step.stage()].push_back(
        {at, step.loss() * static_cast<double>(totals.supervised), totals.supervised});
  }
  steps_->Add(StepSeen{.stage = step.stage(),
                       .epoch = step.epoch(),
                       .step = step.step(),
                       .dataset = input_.stage_names[step.stage()],
                       .loss = step.loss(),
                       .learning_rate = step.learning_rate(),
                       .grad_norm = step.grad_norm(),
                       .seconds = step.seconds(),
                       .tokens = step.tokens(),
                       .supervised = totals.supervised,
                       .skipped = step.skipped(),
                       .ranks = state_.spec.world,
                       .attempt = state_.attempt.value(),
                       .device = state_.ranks[0].device});
}

std::set<StepOfStage> RunDriver::SkippedSteps(uint32_t stage) const {
  const std::lock_guard lock(mutex_);
  const auto at = skipped_.find(stage);
  return at == skipped_.end() ? std::set<StepOfStage>() : at->second;
}

void RunDriver::RecordEvaluation(const v1::EvaluationRecord& evaluation) {
  EvaluationSeen seen{.stage = evaluation.stage(),
                      .epoch = evaluation.epoch(),
                      .step = evaluation.step(),
                      .dataset = input_.stage_names[evaluation.stage()],
                      .loss = evaluation.loss(),
                      .seconds = evaluation.seconds(),
                      .tokens = evaluation.tokens(),
                      .best = evaluation.best(),
                      .ends_stage = evaluation.ends_stage()};
  const std::lock_guard lock(mutex_);
  evaluations_[evaluation.stage()].push_back(seen);
  steps_->Add(std::move(seen));
}

std::vector<EvaluationSeen> RunDriver::Evaluations(uint32_t stage) const {
  const std::lock_guard lock(mutex_);
  const auto at = evaluations_.find(stage);
  return at == evaluations_.end() ? std::vector<EvaluationSeen>() : at->second;
}

double RunDriver::StageLoss(uint32_t stage, const StepOfStage& last) const {
  const std::lock_guard lock(mutex_);
  const auto of_stage = losses_.find(stage);
  if (of_stage == losses_.end()) return std::nan("");
  uint32_t epoch = 0;
  double loss = 0;
  uint64_t supervised = 0;
  for (const StepLoss& step : of_stage->second) {
    if (step.at > last) break;
    if (step.at.first != epoch) loss = 0, supervised = 0;
    epoch = step.at.first;
    loss += step.loss;
    supervised += step.supervised;
  }
  return supervised > 0 ? loss / static_cast<double>(supervised) : std::nan("");
}

void RunDriver::TakeCandidate(std::vector<float> adapter) {
  const std::lock_guard lock(mutex_);
  if (candidate_.empty()) candidate_ = std::move(adapter);
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

void RunDriver::HandOverTokens() {
  std::vector<TokenPiece> pieces;
  {
    const std::lock_guard lock(mutex_);
    pieces = generated_.NewPieces();
  }
  for (const TokenPiece& piece : pieces) {
    if (input_.on_tokens) input_.on_tokens(piece);
  }
}

void RunDriver::Watch(WorkerGroup& group) {
  if (std::optional<GroupExit> exit = group.Poll()) {
    Submit(GroupExited{attempt_, exit->how, exit->clean});
  }
  while (input_.stops != nullptr && stops_seen_ < input_.stops->load()) {
    ++stops_seen_;
    Submit(StopAsked{});
  }
  Submit(Tick{});
}

void RunDriver::CarryOut() {
  RunState proved;
  std::vector<float> candidate;
  {
    const std::lock_guard lock(mutex_);
    if (!due_.commit) return;
    due_.commit = false;
    proved = state_;
    candidate = std::move(candidate_);
  }
  const absl::Status status = input_.commit(candidate, proved);
  Submit(CommitEnded{status.ok(), std::string(status.message())});
}

absl::StatusOr<DriveOutcome> RunDriver::Drive() {
  if (!input_.journal.empty()) {
    ASSIGN_OR_RETURN(journal_, Ledger::Read(input_.journal));
  }
  // A log that can't be kept means a disk that can't take the version either.
  steps_ = std::make_unique<StepLog>(
      input_.steps, input_.on_step,
      [this](const std::string& why) {
        Submit(JournalFailed{why, /*decision=*/false});
      },
      input_.on_evaluation);
  ASSIGN_OR_RETURN(const std::unique_ptr<TrainingServer> server,
                   TrainingServer::Start(this, token_));
  const Effects started = Submit(Started{});
  if (!started.launch) return absl::UnavailableError(started.why);
  attempt_ = *started.launch;
  const std::vector<std::string> of_run = {"--coordinator", server->address(),
                                           "--run",         state_.spec.run.value(),
                                           "--attempt",     std::to_string(attempt_.value()),
                                           "--threads",     std::to_string(input_.launch.threads)};
  std::vector<std::string>& arguments = input_.launch.arguments;
  arguments.insert(arguments.end(), of_run.begin(), of_run.end());
  input_.launch.environment.emplace_back("STRATA_TOKEN", token_);
  input_.launch.environment.push_back(kShortSpin);
  ASSIGN_OR_RETURN(const std::unique_ptr<WorkerGroup> group, WorkerGroup::Start(input_.launch));
  for (;;) {
    Watch(*group);
    CarryOut();
    HandOverTokens();
    std::unique_lock lock(mutex_);
    if (due_.verdict) break;
    wake_.wait_for(lock, kTick);
    if (due_.verdict) break;
  }
  HandOverTokens();
  return Concluded(*group);
}

DriveOutcome RunDriver::Concluded(WorkerGroup& group) {
  Effects due;
  {
    const std::lock_guard lock(mutex_);
    due = due_;
  }
  if (*due.verdict == Verdict::kCompleted) {
    for (int i = 0; i < kLeaveSeconds * 50 && group.alive() && !group.Poll(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  if (due.end_group) group.End(kLeaveSeconds);
  const std::lock_guard lock(mutex_);
  outcome_.verdict = *due.verdict;
  outcome_.reason = due.why;
  outcome_.state = state_;
  return outcome_;
}

}  // namespace strata
