#include "tests/coordinator/core/simulated_life.h"

#include <algorithm>
#include <memory>

#include "tests/coordinator/core/simulated_coordinator.h"
#include "tests/coordinator/core/simulated_group.h"

namespace strata {
namespace {

constexpr int64_t kCalm = 110'000;        // no fault has begun or lasts after so many ms
constexpr int64_t kPatience = 1'800'000;  // then the run must be over within so many
constexpr int kEventsMax = 200'000;

class Life : public CoordinatorHost, public GroupHost {
 public:
  Life(const LifePlan& plan, bool with_trace)
      : plan_(plan),
        training_(plan),
        draw_(Mix(plan.seed, 3)),
        network_(plan, kCalm, &clock_),
        watch_(plan, training_, disk_),
        with_trace_(with_trace) {}

  LifeReport Run();

  void StartGroup(AttemptId attempt, int world) override;
  void EndGroup(int64_t after_ms) override;
  bool GroupLives() const override { return group_ != nullptr && !group_->gone(); }
  void CoordinatorEnded() override;
  std::optional<Answer> Deliver(const Event& event) override;
  std::optional<Replica> Fetch(AttemptId attempt) override;
  bool Keep(const Checkpoint& checkpoint, const Replica& replica) override;
  void Gone(SimulatedGroup& group, bool clean) override;

 private:
  void StartCoordinator();
  void Befall(const Fault& fault);
  void BefallGroup(const Fault& fault);
  void BefallDisk(const Fault& fault);
  void Strange(const Fault& fault);
  void Count();

  const LifePlan& plan_;
  const SimulatedTraining training_;
  Draw draw_;
  SimulatedClock clock_;
  SimulatedNetwork network_;
  SimulatedDisk disk_;
  CoreWatch watch_;
  ArmedFaults armed_;
  const bool with_trace_;
  std::vector<std::unique_ptr<SimulatedCoordinator>> coordinators_;
  std::vector<std::unique_ptr<SimulatedGroup>> groups_;
  SimulatedGroup* group_ = nullptr;  // of the coordinator that runs
  int64_t disk_full_until_ = 0, few_until_ = 0, late_until_ = 0, end_ms_ = 2'600;
  bool no_launch_ = false, over_ = false;
  bool untroubled_ = false;  // the coordinator that runs began after the last fault
  LifeReport report_;
};

LifeReport Life::Run() {
  if (with_trace_) report_.trace.push_back(RunLine(plan_));
  for (const Fault& fault : plan_.faults)
    clock_.After(fault.at_ms, [this, &fault] {
      if (!over_) Befall(fault);
    });
  StartCoordinator();
  int events = 0;
  while (!over_ && watch_.violation().empty() && clock_.RunNext()) {
    if (clock_.now() > kCalm + kPatience || ++events > kEventsMax)
      watch_.Says("a run whose faults have ceased comes to an end");
  }
  report_.violation = watch_.violation();
  Count();
  return std::move(report_);
}

void Life::Count() {
  report_.committed = !disk_.versions.empty();
  for (const JournalLine& line : disk_.journal) {
    report_.attempts += line.kind == "attempt";
    report_.checkpoints += line.kind == "checkpoint";
    report_.lost += line.kind == "lost";
    report_.put_back += line.data_error.has_value();
    report_.stragglers += line.kind == "straggler";
  }
}

void Life::StartCoordinator() {
  // As the command does: a run that is closed or has committed is not gone on with.
  over_ = disk_.closed() || !disk_.versions.empty();
  if (over_) return;
  untroubled_ = clock_.now() > kCalm && armed_ == ArmedFaults{} && !no_launch_;
  group_ = nullptr;
  SimulatedCoordinator::World world{plan_, watch_, disk_, clock_, draw_, armed_, *this, {}};
  if (with_trace_) world.trace = [this](const std::string& line) { report_.trace.push_back(line); };
  coordinators_.push_back(std::make_unique<SimulatedCoordinator>(world));
  coordinators_.back()->Start();
  report_.resumed += coordinators_.back()->launched_from().has_value();
}

void Life::CoordinatorEnded() {
  const SimulatedCoordinator& coordinator = *coordinators_.back();
  const std::optional<Verdict>& verdict = coordinator.verdict();
  report_.crashed += !verdict;
  report_.completed += verdict == Verdict::kCompleted;
  report_.failed += verdict == Verdict::kFailed;
  report_.interrupted += verdict == Verdict::kInterrupted;
  if (verdict == Verdict::kCompleted && disk_.versions.size() != 1)
    watch_.Says("a completed run has made one version");
  // Without a fault every run completes, but one whose data stop it or whose adapter is refused.
  if (verdict && verdict != Verdict::kCompleted && untroubled_ && !disk_.closed())
    watch_.Says("a run without faults completes");
  group_ = nullptr;
  clock_.After(500 + draw_.Below(25'000), [this] { StartCoordinator(); });
}

void Life::StartGroup(AttemptId attempt, int world) {
  const bool few = clock_.now() < few_until_ && world == plan_.spec.world;
  const int started = std::exchange(no_launch_, false) ? 0 : few ? world - 1 : world;
  const int64_t end = clock_.now() < late_until_ ? end_ms_ : 2'600;
  groups_.push_back(std::make_unique<SimulatedGroup>(
      SimulatedGroup::World{plan_, training_, clock_, network_, draw_, *this},
      GroupOrder{attempt, world, started, end}));
  group_ = groups_.back().get();
}

void Life::EndGroup(int64_t after_ms) {
  if (GroupLives()) return group_->End(after_ms);
  // The driver finds nothing to end.
  SimulatedCoordinator* const coordinator = coordinators_.back().get();
  clock_.After(100, [coordinator] {
    if (coordinator->verdict()) return coordinator->Leave();
    coordinator->Submit(GroupExited{coordinator->state().attempt, "ended", false});
  });
}

void Life::Gone(SimulatedGroup& group, bool clean) {
  if (&group != group_) return;
  SimulatedCoordinator* const coordinator = coordinators_.back().get();
  clock_.After(1 + draw_.Below(100), [coordinator, attempt = group.attempt(), clean] {
    coordinator->Submit(GroupExited{attempt, clean ? "exit-status-0" : "signal-9", clean});
    if (coordinator->verdict()) coordinator->Leave();
  });
}

std::optional<Answer> Life::Deliver(const Event& event) {
  if (over_) return std::nullopt;
  return coordinators_.back()->Submit(event);
}

std::optional<Replica> Life::Fetch(AttemptId attempt) {
  const SimulatedCoordinator& coordinator = *coordinators_.back();
  if (!coordinator.alive() || coordinator.state().attempt != attempt) return std::nullopt;
  if (!coordinator.launched_from()) return training_.Beginning();
  const KeptCheckpoint* kept = disk_.Whole(*coordinator.launched_from());
  if (kept == nullptr) return std::nullopt;
  return kept->replica;
}

bool Life::Keep(const Checkpoint& checkpoint, const Replica& replica) {
  const SimulatedCoordinator& coordinator = *coordinators_.back();
  if (clock_.now() < disk_full_until_ || !coordinator.alive() ||
      coordinator.state().attempt != checkpoint.attempt)
    return false;
  if (disk_.Whole(checkpoint) == nullptr) disk_.checkpoints.push_back({checkpoint, replica});
  disk_.written.push_back(checkpoint);
  return true;
}

void Life::Befall(const Fault& fault) {
  SimulatedCoordinator& coordinator = *coordinators_.back();
  switch (fault.kind) {
    case FaultKind::kSilence:
      return network_.Silence(fault.rank, fault.amount);
    case FaultKind::kCrash:
      if (fault.amount == 0) return coordinator.Crash();
      armed_.crash = static_cast<CrashPoint>(fault.amount);
      return;
    case FaultKind::kJournalFails:
      ++armed_.journal_lines;
      return;
    case FaultKind::kLogFails:
      coordinator.Submit(JournalFailed{"disk-full", /*decision=*/false});
      return;
    case FaultKind::kStop:
      coordinator.Submit(StopAsked{});
      return;
    case FaultKind::kCommitFails:
      ++armed_.commits_failed;
      return;
    case FaultKind::kCommitRefused:
      ++armed_.commits_refused;
      return;
    case FaultKind::kStranger:
      return Strange(fault);
    case FaultKind::kFewerMachines:
      few_until_ = clock_.now() + fault.amount;
      return;
    case FaultKind::kNoLaunch:
      no_launch_ = true;
      return;
    case FaultKind::kExitLate:
      late_until_ = clock_.now() + fault.amount;
      end_ms_ = fault.amount;
      return;
    default:
      BefallDisk(fault);
      if (GroupLives()) BefallGroup(fault);
  }
}

void Life::BefallDisk(const Fault& fault) {
  if (fault.kind == FaultKind::kDiskFull) disk_full_until_ = clock_.now() + fault.amount;
  if (disk_.checkpoints.empty()) return;
  if (fault.kind == FaultKind::kLoseNewest) disk_.checkpoints.pop_back();
  if (fault.kind == FaultKind::kDamageNewest) disk_.checkpoints.back().damaged = true;
}

void Life::BefallGroup(const Fault& fault) {
  SimulatedGroup& group = *group_;
  switch (fault.kind) {
    case FaultKind::kKillRank:
      return group.KillRank(fault.rank);
    case FaultKind::kKillGroup:
      return group.End(2'000);
    case FaultKind::kStopRank:
      return group.StopRank(fault.rank, fault.amount);
    case FaultKind::kHangRank:
      return group.HangRank(fault.rank, false);
    case FaultKind::kHangInCollective:
      return group.HangRank(fault.rank, true);
    case FaultKind::kSlowRank:
      return group.SlowRank(fault.rank, fault.amount);
    case FaultKind::kFlipBit:
      // One replica alone has nothing to be compared with.
      if (coordinators_.back()->state().world > 1) group.FlipBit(fault.rank);
      return;
    case FaultKind::kRankFails:
      return group.FailRank(fault.rank, fault.amount == 1);
    default:
      return;
  }
}

// A message of another attempt, of another incarnation, of no rank.
void Life::Strange(const Fault& fault) {
  SimulatedCoordinator& coordinator = *coordinators_.back();
  Draw draw(fault.seed);
  const RunState& state = coordinator.state();
  for (int i = 0; i < 4; ++i) {
    const int rank = static_cast<int>(draw.Below(state.world));
    Caller caller{state.attempt, Rank(rank),
                  "a" + std::to_string(state.attempt.value()) + "r" + std::to_string(rank)};
    const int64_t kind = draw.Below(4);
    if (kind == 0) caller.attempt = AttemptId(state.attempt.value() + 1);
    if (kind == 1) caller.attempt = AttemptId(state.attempt.value() - 1);
    if (kind == 2) caller.incarnation = "other";
    if (kind == 3) caller.rank = Rank(draw.Percent(50) ? state.world : -1);
    const Digest nonsense = AdapterDigest(draw.Next());
    const bool known = !state.ranks[static_cast<size_t>(rank)].incarnation.empty();
    const Event events[] = {
        Heartbeat{caller, {9, 9, 9}, {99, true, 99, Millis(99)}}, StepDone{caller, {0, 0, 0}},
        EvaluationDone{caller, {0, 0, 0}}, CheckpointTaken{caller, {0, 0, 1}, nonsense},
        StageFinished{caller, 0, "nonsense", nonsense}, CandidateArrived{caller, nonsense},
        RankFailed{caller, "nonsense", true}, ResultArrived{caller, Purpose::kEvaluate},
        GroupExited{AttemptId(state.attempt.value() + 1), "nonsense"},
        GroupExited{AttemptId(state.attempt.value() - 1), "nonsense"},
        // Who comes first is no stranger.
        Joined{caller, state.world + (kind == 2 && !known), {"host", "cpu"}}};
    coordinator.Submit(events[draw.Below(std::size(events))]);
  }
}

}  // namespace

LifeReport Live(const LifePlan& plan, bool with_trace) { return Life(plan, with_trace).Run(); }

}  // namespace strata
