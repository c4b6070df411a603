#include "coordinator/run/run_driver.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/service/training_server.h"

namespace strata {
namespace {

constexpr std::chrono::milliseconds kTick{100};
constexpr int kLeaveSeconds = 5;  // for ranks that have done their task to end by themselves
constexpr size_t kCheckpointsKept = 2;
constexpr Millis kLeftAfter{4'000};  // without a heartbeat, of which there are two a second

Millis Now() {
  return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

RunDriver::RunDriver(DriveInput input)
    : input_(std::move(input)),
      state_(NewRun(input_.spec)),
      generated_(static_cast<size_t>(input_.task.generate().prompts_size())),
      checkpoints_(input_.folder / "checkpoints", input_.adapter.size(), FileSystem::Real()) {}

absl::Status RunDriver::Open() {
  if (input_.folder.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(journal_, RunJournal::Open(input_.folder / "journal.jsonl"));
  state_ = Resumed(input_.spec, journal_.lines());
  counted_ = journal_.Checkpoints();
  if (counted_.size() > kCheckpointsKept)
    counted_.erase(counted_.begin(), counted_.end() - kCheckpointsKept);
  RETURN_IF_ERROR(CheckCheckpoint());
  RETURN_IF_ERROR(Remember());
  seconds_before_ = record_.seconds();
  return absl::OkStatus();
}

std::optional<Position> RunDriver::begins_at() const {
  const std::lock_guard lock(mutex_);
  return state_.checkpoint ? std::optional(state_.checkpoint->next) : std::nullopt;
}

absl::Status RunDriver::CheckCheckpoint() {
  std::unique_lock lock(mutex_);
  if (!state_.checkpoint) return absl::OkStatus();
  absl::Status whole = checkpoints_.Verify(*state_.checkpoint);
  if (whole.ok()) return whole;
  CheckpointDamaged damaged{std::string(whole.message()), std::nullopt};
  while (!counted_.empty() && !whole.ok()) {
    // A disk that can't be read now may be read later.
    if (!absl::IsDataLoss(whole) && !absl::IsNotFound(whole)) return whole;
    checkpoints_.SetAside(counted_.back());
    counted_.pop_back();
    if (!counted_.empty()) whole = checkpoints_.Verify(counted_.back());
  }
  if (!counted_.empty()) damaged.instead = counted_.back();
  Take(damaged, lock);
  return absl::OkStatus();
}

absl::Status RunDriver::Remember() {
  for (StepEvent& event : ReadStepLog(input_.folder / "steps.jsonl")) {
    const Position at = std::visit(
        [](const auto& seen) {
          return Position{seen.stage, seen.epoch, seen.step};
        },
        event);
    if (at >= state_.recorded) continue;
    if (const auto* evaluation = std::get_if<EvaluationSeen>(&event)) {
      record_.Add(*evaluation);
      continue;
    }
    StepSeen& step = std::get<StepSeen>(event);
    // A later attempt did it, and what follows, again.
    record_.ForgetFrom(at);
    step.supervised = input_.shards->Totals(step.stage, step.epoch, step.step).supervised;
    record_.Add(step);
  }
  return record_.CheckCovers(state_, input_.folder / "steps.jsonl");
}

Effects RunDriver::Submit(const Event& event) {
  std::unique_lock lock(mutex_);
  return Take(event, lock);
}

absl::Status RunDriver::KeepUntil(uint64_t line) {
  const std::lock_guard journal_lock(journal_mutex_);
  while (kept_.ok() && lines_kept_ < line) {
    JournalLine next;
    {
      const std::lock_guard lock(mutex_);
      next = std::move(unkept_.front());
      unkept_.pop_front();
    }
    ++lines_kept_;
    if (!input_.folder.empty()) kept_ = journal_.Append(next);
    if (kept_.ok()) Tell(next);
  }
  return kept_;
}

void RunDriver::Tell(RunNews news) {
  if (input_.observer != nullptr) input_.observer->Tell(std::move(news));
}

// They may come while the journal is being written, and are answered at once: a disk that stalls
// must cost neither a lease nor a step.
bool RunDriver::IsReport(const Event& event) {
  return std::holds_alternative<Heartbeat>(event) || std::holds_alternative<StepDone>(event) ||
         std::holds_alternative<EvaluationDone>(event);
}

Effects RunDriver::Take(const Event& event, std::unique_lock<std::mutex>& lock) {
  Effects effects = Step(state_, event, Now());
  // As this event left them: others may come while its lines are being kept.
  const std::optional<Checkpoint> checkpoint = state_.checkpoint;
  const Position recorded = state_.recorded;
  // At once: a worker that the user starts may join before the attempt's line is kept.
  if (effects.launch) launched_from_ = checkpoint;
  unkept_.insert(unkept_.end(), effects.journal.begin(), effects.journal.end());
  lines_queued_ += effects.journal.size();
  if (!effects.journal.empty() || !IsReport(event)) {
    const uint64_t last = lines_queued_;
    lock.unlock();
    const absl::Status kept = KeepUntil(last);
    lock.lock();
    // Effects that could not be kept are not carried out. A verdict stands: a commit that happened
    // stays one.
    if (!kept.ok() && !effects.verdict)
      effects = Step(state_, JournalFailed{std::string(kept.message())}, Now());
  }
  due_.commit |= effects.commit;
  due_.end_group |= effects.end_group;
  if (effects.checkpoint) Count(*checkpoint);
  if (effects.launch) {
    due_.launch = effects.launch;
    record_.ForgetFrom(recorded);
    // What the attempts before took and did not count.
    if (!input_.folder.empty()) checkpoints_.RemoveBut(counted_);
  }
  due_.warnings.insert(due_.warnings.end(), effects.warnings.begin(), effects.warnings.end());
  if (effects.verdict && !due_.verdict) {
    due_.verdict = effects.verdict;
    due_.why = effects.why;
  }
  wake_.notify_all();
  return effects;
}

void RunDriver::Count(const Checkpoint& checkpoint) {
  counted_.push_back(checkpoint);
  std::error_code error;
  const auto bytes = std::filesystem::file_size(checkpoints_.PathOf(checkpoint), error);
  Tell(CheckpointSeen{checkpoint, error ? 0 : bytes});
  // Only those that counted: rank 0 may be ahead, with the next one on its way or on disk.
  while (counted_.size() > kCheckpointsKept) {
    checkpoints_.Remove(counted_.front());
    counted_.erase(counted_.begin());
  }
}

void RunDriver::HandOver() {
  std::vector<TokenPiece> pieces;
  std::vector<std::string> warnings;
  {
    const std::lock_guard lock(mutex_);
    pieces = generated_.NewPieces();
    warnings = std::exchange(due_.warnings, {});
  }
  for (const TokenPiece& piece : pieces) {
    if (input_.on_tokens) input_.on_tokens(piece);
  }
  for (const std::string& warning : warnings) {
    if (input_.on_warning) input_.on_warning(warning);
  }
}

absl::Status RunDriver::LaunchDue() {
  std::unique_lock lock(mutex_);
  if (!due_.launch) return absl::OkStatus();
  const AttemptId attempt = *std::exchange(due_.launch, std::nullopt);
  Launch launch = input_.launch;
  launch.ranks = state_.world;
  lock.unlock();
  const std::vector<std::string> of_run = {"--coordinator", address_,
                                           "--run",         input_.spec.run.value(),
                                           "--attempt",     std::to_string(attempt.value())};
  launch.arguments.insert(launch.arguments.end(), of_run.begin(), of_run.end());
  launch.environment.emplace_back("STRATA_TOKEN", input_.access.token);
  // Also when it is empty: what the shell may have is not this run's.
  launch.environment.emplace_back("STRATA_TLS_CERTIFICATE", certificate_);
  launch.environment.push_back(kShortSpin);
  absl::StatusOr<std::unique_ptr<WorkerGroup>> group = input_.launcher->Start(launch);
  if (group.ok()) {
    group_ = *std::move(group);
    launched_once_ = true;
  } else if (launched_once_) {
    Submit(GroupExited{attempt, std::string(group.status().message()), false});
  } else {
    return group.status();
  }
  return absl::OkStatus();
}

void RunDriver::ShowJoined() {
  std::vector<RankSeat> seats;
  {
    const std::lock_guard lock(mutex_);
    if (shown_ == state_.attempt) return;
    for (const RankState& rank : state_.ranks) {
      if (rank.incarnation.empty()) return;
      seats.push_back(rank.seat);
    }
    shown_ = state_.attempt;
  }
  if (input_.on_joined) input_.on_joined(seats);
}

bool RunDriver::HaveLeft() {
  const std::lock_guard lock(mutex_);
  const bool live = state_.phase == Phase::kJoining || state_.phase == Phase::kTraining;
  if (!state_.stop_asked || !live) return false;
  return std::none_of(state_.ranks.begin(), state_.ranks.end(), [](const RankState& rank) {
    return !rank.incarnation.empty() && Now() - rank.seen < kLeftAfter;
  });
}

void RunDriver::Watch() {
  AttemptId attempt;
  {
    const std::lock_guard lock(mutex_);
    attempt = state_.attempt;
  }
  if (group_ != nullptr) {
    if (const std::optional<GroupExit> exit = group_->Poll()) {
      group_.reset();
      Submit(GroupExited{attempt, exit->how, exit->clean});
    }
  }
  while (input_.stops != nullptr && stops_seen_ < input_.stops->load()) {
    ++stops_seen_;
    Submit(StopAsked{});
  }
  // No process tells of the end of workers that the user started.
  if (input_.launcher->waits_for_user() && HaveLeft())
    Submit(GroupExited{attempt, "they have left", true});
  if (const absl::Status logged = steps_->failure(); !logged.ok())
    Submit(JournalFailed{std::string(logged.message()), /*decision=*/false});
  Submit(Tick{});
}

void RunDriver::EndLost() {
  AttemptId attempt;
  {
    const std::lock_guard lock(mutex_);
    if (state_.phase != Phase::kLeaving) return;
    due_.end_group = false;
    attempt = state_.attempt;
  }
  if (group_ != nullptr) group_->End(kLeaveSeconds);
  group_.reset();
  // What can't be read now fails the next attempt, which is followed by another.
  if (const absl::Status readable = CheckCheckpoint(); !readable.ok() && input_.on_warning)
    input_.on_warning(std::string(readable.message()));
  Submit(GroupExited{attempt, "ended", false});
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
  const CommitAnswer answer = input_.commit(candidate, proved);
  Submit(CommitEnded{
      answer.committed.ok(),
      answer.committed.ok() ? *answer.committed : std::string(answer.committed.status().message()),
      answer.refused});
}

absl::StatusOr<DriveOutcome> RunDriver::Drive() {
  // A log that can't be kept means a disk that can't take the version either.
  steps_ = std::make_unique<StepLog>(
      input_.folder.empty() ? input_.folder : input_.folder / "steps.jsonl", input_.on_step,
      input_.on_evaluation);
  input_.access.ranks = input_.spec.world;
  ASSIGN_OR_RETURN(const std::unique_ptr<TrainingServer> server,
                   TrainingServer::Start(this, input_.access));
  address_ = server->address();
  certificate_ = server->certificate();
  if (input_.on_listening) {
    RETURN_IF_ERROR(
        input_.on_listening({address_, input_.access.token, certificate_, input_.spec.world}));
  }
  const Effects started = Submit(Started{});
  if (!started.launch) return absl::UnavailableError(started.why);
  for (;;) {
    RETURN_IF_ERROR(LaunchDue());
    Watch();
    ShowJoined();
    EndLost();
    CarryOut();
    HandOver();
    std::unique_lock lock(mutex_);
    if (due_.verdict) break;
    wake_.wait_for(lock, kTick);
    if (due_.verdict) break;
  }
  ShowJoined();
  HandOver();
  return Concluded();
}

DriveOutcome RunDriver::Concluded() {
  Effects due;
  {
    const std::lock_guard lock(mutex_);
    due = due_;
  }
  if (group_ != nullptr && *due.verdict == Verdict::kCompleted) {
    for (int i = 0; i < kLeaveSeconds * 50 && group_->alive() && !group_->Poll(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  if (group_ != nullptr && due.end_group) group_->End(kLeaveSeconds);
  group_.reset();
  const std::lock_guard journal_lock(journal_mutex_);
  const std::lock_guard lock(mutex_);
  if (journal_.closed()) checkpoints_.RemoveBut({});
  outcome_.verdict = *due.verdict;
  outcome_.reason = due.why;
  outcome_.state = state_;
  return outcome_;
}

}  // namespace strata
