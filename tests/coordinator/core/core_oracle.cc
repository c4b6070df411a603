#include "tests/coordinator/core/core_oracle.h"

#include <algorithm>

namespace strata {
namespace {

const Caller* CallerOf(const Event& event) {
  return std::visit(
      [](const auto& e) -> const Caller* {
        if constexpr (requires { e.caller; }) {
          return &e.caller;
        } else {
          return nullptr;
        }
      },
      event);
}

}  // namespace

CoreOracle::CoreOracle(const LifePlan& plan, std::optional<Checkpoint> counting, AttemptId attempt)
    : spec_(plan.spec),
      attempt_(attempt),
      world_(plan.spec.world),
      counting_(std::move(counting)) {
  recorded_ = evaluated_ = place();
}

bool CoreOracle::AllJoined() const {
  return std::all_of(ranks_.begin(), ranks_.end(),
                     [](const Told& rank) { return !rank.incarnation.empty(); });
}

bool CoreOracle::IsForeign(const Event& event) const {
  if (const auto* exited = std::get_if<GroupExited>(&event)) {
    return exited->attempt != attempt_ ||
           (phase_ != Phase::kJoining && phase_ != Phase::kTraining && phase_ != Phase::kLeaving);
  }
  const Caller* caller = CallerOf(event);
  if (caller == nullptr) return phase_ == Phase::kOver;
  if (!Live() || caller->attempt != attempt_) return true;
  const int rank = caller->rank.value();
  if (rank < 0 || rank >= world_) return true;
  const std::string& known = ranks_[static_cast<size_t>(rank)].incarnation;
  if (const auto* joined = std::get_if<Joined>(&event))
    return joined->world != world_ || (!known.empty() && known != caller->incarnation);
  return known.empty() || known != caller->incarnation;
}

Duty CoreOracle::Take(const Event& event, Millis now) {
  Duty duty;
  duty.foreign = IsForeign(event);
  if (duty.foreign) return duty;
  const bool proved = std::exchange(proving_, false);
  if (const auto* failed = std::get_if<JournalFailed>(&event)) {
    // Only the line that asks for a commit can fail while there is one.
    if (phase_ == Phase::kCommitting && !(failed->decision && proved)) return duty;
    End(duty, Fate::kFailed);
    return duty;
  }
  std::visit([&](const auto& e) { On(duty, e, now); }, event);
  return duty;
}

void CoreOracle::Launch(Duty& duty, Millis now) {
  duty.launch = true;
  phase_ = Phase::kJoining;
  attempt_ = AttemptId(attempt_.value() + 1);
  ranks_.assign(static_cast<size_t>(world_), {});
  recorded_ = evaluated_ = place();
  candidate_.reset();
  launched_ = now;
  first_join_ = Millis(-1);
}

void CoreOracle::End(Duty& duty, Fate fate, bool resumable) {
  duty.fate = fate;
  duty.resumable = resumable && fate != Fate::kCompleted;
  phase_ = Phase::kOver;
}

void CoreOracle::Lose(Duty& duty, Millis now, bool permanent) {
  if (stops_ > 0) return End(duty, Fate::kInterrupted);
  if (permanent || losses_ >= spec_.restarts_max) return End(duty, Fate::kFailed);
  ++losses_;
  if (!AllJoined() && spec_.world_min > 0) world_ = std::max(world_ - 1, spec_.world_min);
  Millis wait = spec_.backoff;
  for (uint32_t i = 1; i < losses_; ++i) wait = std::min(wait + wait, spec_.backoff_max);
  due_ = now + wait;
  duty.fate = Fate::kLost;
  phase_ = Phase::kLeaving;
}

void CoreOracle::On(Duty& duty, const Started&, Millis now) {
  if (phase_ == Phase::kIdle) Launch(duty, now);
}

void CoreOracle::On(Duty& duty, const Joined& event, Millis now) {
  Told& rank = Of(event.caller);
  rank.incarnation = event.caller.incarnation;
  rank.seen = rank.headway_at = now;
  if (first_join_ < Millis(0)) first_join_ = now;
  if (phase_ == Phase::kJoining && AllJoined()) phase_ = Phase::kTraining;
  duty.answer = Answer::kOk;
}

void CoreOracle::On(Duty& duty, const Heartbeat& event, Millis now) {
  Told& rank = Of(event.caller);
  rank.seen = now;
  duty.answer = Onward();
  if (event.progress.headway == rank.progress.headway)
    rank.progress.in_collective = event.progress.in_collective;
  if (event.progress.headway <= rank.progress.headway) return;
  rank.progress = event.progress;
  rank.headway_at = now;
  // While a commit is under way nothing is decided but its outcome.
  if (phase_ == Phase::kTraining) ConsiderStraggler(duty, event.caller.rank.value());
}

void CoreOracle::ConsiderStraggler(Duty& duty, int number) {
  Told& rank = ranks_[static_cast<size_t>(number)];
  if (rank.straggles || world_ < 2) return;
  std::vector<double> busy;
  for (const Told& other : ranks_) {
    if (other.progress.reductions < 20) return;
    busy.push_back(double(other.progress.busy.count()) / double(other.progress.reductions));
  }
  const double own = busy[static_cast<size_t>(number)];
  std::sort(busy.begin(), busy.end());
  const double median = busy[(busy.size() - 1) / 2];
  if (own <= 1.5 * median) return;
  duty.straggler = rank.straggles = true;
}

void CoreOracle::On(Duty& duty, const StepDone& event, Millis now) {
  Of(event.caller).seen = now;
  duty.answer = Onward();
  if (event.position < recorded_) return;
  duty.record_step = true;
  recorded_ = event.position;
  ++recorded_.step;
}

void CoreOracle::On(Duty& duty, const EvaluationDone& event, Millis now) {
  Of(event.caller).seen = now;
  if (event.after < evaluated_) return;
  duty.record_evaluation = true;
  evaluated_ = event.after;
  ++evaluated_.step;
}

bool CoreOracle::StatesAreComplete(const Position& next) const {
  for (const Told& rank : ranks_) {
    if (!rank.state || rank.state->next != next) return false;
    // The stages before it have their proof too, else a run that goes on from it would miss them.
    for (uint32_t stage = place().stage; stage < next.stage; ++stage)
      if (rank.finished.count(stage) == 0) return false;
  }
  return next.step == 0 || next <= recorded_;
}

void CoreOracle::On(Duty& duty, const CheckpointTaken& event, Millis now) {
  Told& rank = Of(event.caller);
  rank.seen = now;
  if (phase_ != Phase::kTraining) return;
  if (counting_ && event.next <= counting_->next) return;
  if (rank.state && event.next <= rank.state->next) return;
  rank.state = event;
  if (!StatesAreComplete(event.next)) return;
  for (const Told& other : ranks_)
    if (other.state->state != event.state) return Lose(duty, now);
  counting_ = Checkpoint{event.next, attempt_, event.state};
  losses_ = 0;
  duty.checkpoint = true;
  duty.answer = Answer::kOk;
}

void CoreOracle::On(Duty& duty, const StageFinished& event, Millis now) {
  Told& rank = Of(event.caller);
  rank.seen = now;
  if (phase_ == Phase::kCommitting) return;
  if (!rank.finished.emplace(event.stage, event).second) return;
  size_t ended = 0;
  for (const Told& other : ranks_) {
    const auto end = other.finished.find(event.stage);
    if (end == other.finished.end()) continue;
    ++ended;
    if (end->second.adapter != event.adapter) return Lose(duty, now);
  }
  if (ended == ranks_.size()) duty.stage = event.stage;
  if (event.data_error && spec_.stop_on_dataset_error)
    return End(duty, Fate::kFailed, /*resumable=*/false);
  ConsiderCommit(duty, now);
}

void CoreOracle::On(Duty& duty, const CandidateArrived& event, Millis now) {
  Of(event.caller).seen = now;
  if (!candidate_) candidate_ = event.adapter;
  ConsiderCommit(duty, now);
}

void CoreOracle::ConsiderCommit(Duty& duty, Millis now) {
  if (phase_ != Phase::kTraining || !candidate_) return;
  const auto last = static_cast<uint32_t>(spec_.stages.size() - 1);
  for (uint32_t stage = place().stage; stage <= last; ++stage)
    for (const Told& rank : ranks_)
      if (rank.finished.count(stage) == 0) return;
  for (const Told& rank : ranks_)
    if (rank.finished.at(last).adapter != *candidate_) return Lose(duty, now);
  phase_ = Phase::kCommitting;
  duty.commit = proving_ = true;
}

void CoreOracle::On(Duty&, const ResultArrived&, Millis) {}

void CoreOracle::On(Duty& duty, const RankFailed& event, Millis now) {
  if (phase_ != Phase::kCommitting) Lose(duty, now, event.permanent);
}

void CoreOracle::On(Duty& duty, const GroupExited&, Millis now) {
  if (phase_ == Phase::kLeaving) {
    phase_ = Phase::kWaiting;
    return;
  }
  Lose(duty, now, first_join_ < Millis(0) && losses_ == 0);
}

void CoreOracle::On(Duty& duty, const StopAsked&, Millis now) {
  if (phase_ == Phase::kCommitting) return;
  if (++stops_ == 1) stop_since_ = now;
  if (stops_ > 1 || phase_ != Phase::kTraining) End(duty, Fate::kInterrupted);
}

void CoreOracle::On(Duty&, const JournalFailed&, Millis) {}

void CoreOracle::On(Duty& duty, const CommitEnded& event, Millis) {
  if (phase_ == Phase::kCommitting)
    End(duty, event.ok ? Fate::kCompleted : Fate::kFailed, !event.permanent);
}

bool CoreOracle::MustLose(Millis now) const {
  bool someone_moves = false;
  for (const Told& rank : ranks_) {
    if (rank.incarnation.empty()) {
      if (first_join_ < Millis(0) && now - launched_ > spec_.join_max) return true;
      if (first_join_ >= Millis(0) && now - first_join_ > spec_.join_spread_max) return true;
    } else if (now - rank.seen > spec_.lease) {
      return true;
    }
    someone_moves |= now - rank.headway_at <= spec_.headway_max;
  }
  return phase_ == Phase::kTraining && !someone_moves;
}

void CoreOracle::On(Duty& duty, const Tick&, Millis now) {
  if (phase_ == Phase::kWaiting && now >= due_) return Launch(duty, now);
  if (phase_ != Phase::kJoining && phase_ != Phase::kTraining) return;
  if (stops_ > 0 && now - stop_since_ > spec_.stop_grace) return End(duty, Fate::kInterrupted);
  if (MustLose(now)) Lose(duty, now);
}

}  // namespace strata
