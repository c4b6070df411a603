#include "tests/coordinator/core/simulated_group.h"

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

constexpr int64_t kBeatEvery = 5'000;
constexpr int64_t kRetryAfter = 2'000;

// No two ranks' replicas diverge alike.
uint64_t FlipOf(const Caller& caller) { return static_cast<uint64_t>(caller.rank.value()) + 1; }

}  // namespace

SimulatedGroup::SimulatedGroup(const World& world, const GroupOrder& order)
    : world_(world), order_(order), processes_(static_cast<size_t>(order.world)) {
  for (int rank = 0; rank < order.world; ++rank) {
    Process& process = processes_[static_cast<size_t>(rank)];
    process.caller = {order.attempt, Rank(rank),
                      absl::StrCat("a", order.attempt.value(), "r", rank)};
    if (rank >= order.started) continue;
    process.alive = true;
    process.answered = world.clock.now() + 5'000;
    Main(process, 200 + world.draw.Below(2'000), [this, &process] {
      Ask(process, Joined{process.caller, order_.world, {"host", "cpu"}},
          [this, &process] { Begin(process); });
    });
  }
  if (order.started == 0) End(100);
}

bool SimulatedGroup::stopped() const {
  for (const Process& process : processes_)
    if (process.alive && world_.clock.now() < process.stopped_until) return true;
  return false;
}

void SimulatedGroup::Other(Process& process, int64_t ms, Then what) {
  world_.clock.After(ms, [this, &process, what = std::move(what)]() mutable {
    if (!process.alive) return;
    if (const int64_t stopped = process.stopped_until - world_.clock.now(); stopped > 0)
      return Other(process, stopped, std::move(what));
    what();
  });
}

void SimulatedGroup::Main(Process& process, int64_t ms, Then what) {
  Other(process, ms, [&process, what = std::move(what)] {
    if (!process.hung) what();
  });
}

void SimulatedGroup::Ask(Process& process, Event event, Then then) {
  const auto call = std::make_shared<Call>(Call{std::move(event), std::move(then)});
  Transmit(process, call);
  if (!world_.plan.pipelined || std::holds_alternative<Joined>(call->event)) return;
  // The next call does not wait for this one's answer.
  Main(process, 1, std::exchange(call->then, {}));
}

void SimulatedGroup::Transmit(Process& process, const std::shared_ptr<Call>& call) {
  if (call->answered) return;
  const int rank = process.caller.rank.value();
  world_.network.Carry(rank, [this, &process, call, rank] {
    const std::optional<Answer> answer = world_.host.Deliver(call->event);
    if (!answer) return;
    world_.network.Carry(rank, [this, &process, call, answer] {
      if (std::exchange(call->answered, true) || !process.alive) return;
      Answered(process, *answer);
      if (process.alive && call->then) Main(process, 0, std::move(call->then));
    });
  });
  Other(process, kRetryAfter, [this, &process, call] { Transmit(process, call); });
}

void SimulatedGroup::Answered(Process& process, Answer answer) {
  process.answered = world_.clock.now();
  process.stop_wished |= answer == Answer::kStop;
  if (answer == Answer::kAborted || answer == Answer::kInvalid) Die(process);
}

void SimulatedGroup::Beat(Process& process) {
  if (world_.clock.now() - process.answered > world_.plan.spec.lease.count()) return Die(process);
  const int rank = process.caller.rank.value();
  // A worker that has done all stays where it did its last step.
  const std::vector<std::vector<uint32_t>>& stages = world_.plan.spec.stages;
  Position at = process.replica.next;
  if (at.stage >= stages.size()) {
    const auto epochs = static_cast<uint32_t>(stages.back().size());
    at = {static_cast<uint32_t>(stages.size()) - 1, epochs - 1, stages.back().back()};
  }
  const Heartbeat beat{process.caller, at, process.progress};
  world_.network.Carry(rank, [this, &process, beat, rank] {
    const std::optional<Answer> answer = world_.host.Deliver(beat);
    if (!answer) return;
    world_.network.Carry(rank, [this, &process, answer] {
      if (process.alive) Answered(process, *answer);
    });
  });
  Other(process, kBeatEvery, [this, &process] { Beat(process); });
}

void SimulatedGroup::Begin(Process& process) {
  process.joined = true;
  Beat(process);
  const std::optional<Replica> replica = world_.host.Fetch(order_.attempt);
  if (!replica)
    return Ask(process, RankFailed{process.caller, "the checkpoint is not whole"},
               [this, &process] { Die(process); });
  process.replica = *replica;
  Main(process, 100, [this, &process] { TrainOn(process); });
}

void SimulatedGroup::TrainOn(Process& process) {
  if (const std::optional<StageOutcome> outcome = world_.training.Ends(process.replica))
    return EndStage(process, *outcome);
  const int64_t busy = (20 + world_.draw.Below(40)) * process.slow;
  process.progress.busy += Millis(50 * process.slow);
  const uint32_t every = world_.plan.save_steps;
  const uint32_t steps = world_.training.StepsDone(process.replica) + 1;
  process.wants_checkpoint |= every > 0 && process.caller.rank == Rank(0) && steps % every == 0;
  process.sum_stops = process.stop_wished;
  process.sum_saves = process.wants_checkpoint && !process.sending;
  Main(process, busy, [this, &process] { EnterSum(process); });
}

void SimulatedGroup::EnterSum(Process& process) {
  process.progress.in_collective = true;
  if (process.hangs_in_sum) return;
  process.in_sum = true;
  for (const Process& other : processes_)
    if (!other.in_sum || !other.alive) return;
  EndSum();
}

void SimulatedGroup::EndSum() {
  bool stop = false, save = false;
  for (Process& process : processes_) {
    stop |= process.sum_stops;
    save |= process.sum_saves;
    process.in_sum = false;
  }
  for (Process& process : processes_) {
    Main(process, 1 + world_.draw.Below(3),
         [this, &process, stop, save] { EndStep(process, stop, save); });
  }
}

void SimulatedGroup::EndStep(Process& process, bool stop, bool save) {
  world_.training.DoStep(process.replica);
  if (process.flipped) process.replica.adapter ^= FlipOf(process.caller);
  ++process.progress.headway;
  process.progress.reductions += 7;
  process.progress.in_collective = false;
  Position step = process.replica.next;
  --step.step;
  if (process.caller.rank != Rank(0)) return GoOn(process, stop, save);
  Ask(process, StepDone{process.caller, step}, [this, &process, stop, save, step] {
    if (step.step % 2 == 0) return GoOn(process, stop, save);
    Ask(process, EvaluationDone{process.caller, step},
        [this, &process, stop, save] { GoOn(process, stop, save); });
  });
}

void SimulatedGroup::GoOn(Process& process, bool stop, bool save) {
  const std::optional<StageOutcome> outcome = world_.training.Ends(process.replica);
  if (outcome && outcome->data_error) return EndStage(process, *outcome);
  if (stop) {
    return Save(process,
                [this, &process] { WhenSent(process, [this, &process] { Leave(process); }); });
  }
  if (!save) return TrainOn(process);
  Save(process, [this, &process] { TrainOn(process); });
}

void SimulatedGroup::WhenSent(Process& process, Then then) {
  if (!process.sending) return then();
  process.when_sent = std::move(then);
}

void SimulatedGroup::Save(Process& process, Then then) {
  WhenSent(process, [this, &process, then = std::move(then)] {
    process.sending = true;
    process.wants_checkpoint = false;
    const Replica state = process.replica;
    Other(process, 5 + world_.draw.Below(80),
          [this, &process, state] { SendState(process, state); });
    then();
  });
}

void SimulatedGroup::SendState(Process& process, const Replica& state) {
  const auto sent = [this, &process] {
    process.sending = false;
    if (process.when_sent) Main(process, 0, std::exchange(process.when_sent, {}));
  };
  const Digest digest = StateDigest(state);
  if (process.caller.rank == Rank(0) &&
      !world_.host.Keep({state.next, order_.attempt, digest}, state))
    return sent();
  const auto call =
      std::make_shared<Call>(Call{CheckpointTaken{process.caller, state.next, digest}, sent});
  Transmit(process, call);
}

void SimulatedGroup::EndStage(Process& process, const StageOutcome& outcome) {
  const uint32_t stage = process.replica.next.stage;
  world_.training.EndStage(process.replica, outcome);
  // A flip in the copy that a failed stage goes back to.
  if (process.flipped && outcome.data_error) process.replica.adapter ^= FlipOf(process.caller);
  const Digest adapter = AdapterDigest(process.replica.adapter);
  const StageFinished finished{process.caller, stage, outcome.data_error, adapter, outcome.end};
  Ask(process, finished, [this, &process, stage, adapter] {
    ++process.progress.headway;
    if (stage + 1 < world_.plan.spec.stages.size()) {
      if (world_.plan.save_steps == 0) return TrainOn(process);
      return Save(process, [this, &process] { TrainOn(process); });
    }
    WhenSent(process, [this, &process, adapter] {
      if (process.caller.rank != Rank(0)) return Leave(process);
      // A bit may flip after the proof.
      const uint64_t flip = process.flipped && AdapterDigest(process.replica.adapter) == adapter
                                ? FlipOf(process.caller)
                                : 0;
      Ask(process, CandidateArrived{process.caller, AdapterDigest(process.replica.adapter ^ flip)},
          [this, &process] { Leave(process); });
    });
  });
}

void SimulatedGroup::Leave(Process& process) {
  process.done = true;
  for (const Process& other : processes_)
    if (!other.done) return;
  if (std::exchange(dying_, true)) return;
  world_.clock.After(50, [this] {
    if (std::exchange(gone_, true)) return;
    for (Process& other : processes_) other.alive = false;
    world_.host.Gone(*this, true);
  });
}

void SimulatedGroup::Die(Process& process) {
  process.alive = false;
  End(order_.end_ms);
}

void SimulatedGroup::End(int64_t after_ms) {
  world_.clock.After(after_ms, [this] {
    if (std::exchange(gone_, true)) return;
    for (Process& process : processes_) process.alive = false;
    world_.host.Gone(*this, false);
  });
}

void SimulatedGroup::KillRank(int rank) {
  Process& process = processes_[static_cast<size_t>(rank % order_.world)];
  if (process.alive) Die(process);
}

void SimulatedGroup::StopRank(int rank, int64_t ms) {
  processes_[static_cast<size_t>(rank % order_.world)].stopped_until = world_.clock.now() + ms;
}

void SimulatedGroup::HangRank(int rank, bool in_collective) {
  Process& process = processes_[static_cast<size_t>(rank % order_.world)];
  (in_collective ? process.hangs_in_sum : process.hung) = true;
}

void SimulatedGroup::SlowRank(int rank, int64_t factor) {
  processes_[static_cast<size_t>(rank % order_.world)].slow = factor;
}

void SimulatedGroup::FlipBit(int rank) {
  processes_[static_cast<size_t>(rank % order_.world)].flipped = true;
}

void SimulatedGroup::FailRank(int rank, bool permanent) {
  Process& process = processes_[static_cast<size_t>(rank % order_.world)];
  if (!process.joined || !process.alive) return;
  Ask(process, RankFailed{process.caller, "out of memory", permanent},
      [this, &process] { Die(process); });
}

}  // namespace strata
