// The processes of one attempt: ranks that join, train in step with one another, prove and hand in
// what they have, until they are done, fail, hang or are killed. Takes a place to begin from and a
// network, gives events to whoever coordinates.
//
// Model: a rank has a main thread, which makes one call at a time and repeats it until it is
// answered; a thread that sends checkpoints; and one that sends heartbeats and ends the process
// when none was answered for a lease. A step ends when all ranks are in its sum.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "tests/coordinator/core/simulated_network.h"
#include "tests/coordinator/core/simulated_training.h"

namespace strata {

class SimulatedGroup;

// What the processes know of the world.
class GroupHost {
 public:
  virtual ~GroupHost() = default;
  // To the coordinator that runs now; nothing when none answers.
  virtual std::optional<Answer> Deliver(const Event& event) = 0;
  // What the attempt begins from; nothing when it can't be read.
  virtual std::optional<Replica> Fetch(AttemptId attempt) = 0;
  // Rank 0's state, onto the disk. False when it could not be kept.
  virtual bool Keep(const Checkpoint& checkpoint, const Replica& replica) = 0;
  // All processes are gone.
  virtual void Gone(SimulatedGroup& group, bool clean) = 0;
};

struct GroupOrder {
  AttemptId attempt;
  int world = 1;
  int started = 1;         // so many of them can be started
  int64_t end_ms = 2'600;  // from the end of one to the end of all
};

class SimulatedGroup {
 public:
  struct World {
    const LifePlan& plan;
    const SimulatedTraining& training;
    SimulatedClock& clock;
    SimulatedNetwork& network;
    Draw& draw;
    GroupHost& host;
  };
  SimulatedGroup(const World& world, const GroupOrder& order);

  AttemptId attempt() const { return order_.attempt; }
  bool gone() const { return gone_; }
  // Some process is stopped, so that it can't end by itself.
  bool stopped() const;

  void KillRank(int rank);
  // By force, all of them, after so long.
  void End(int64_t after_ms);
  void StopRank(int rank, int64_t ms);
  void HangRank(int rank, bool in_collective);
  void SlowRank(int rank, int64_t factor);
  void FlipBit(int rank);
  void FailRank(int rank, bool permanent);

 private:
  struct Process {
    Caller caller;
    bool alive = false, joined = false, done = false;
    bool hung = false, hangs_in_sum = false;
    int64_t stopped_until = 0, answered = 0;
    int64_t slow = 1;
    Replica replica;
    bool flipped = false;
    RankProgress progress;
    bool stop_wished = false, wants_checkpoint = false;
    bool in_sum = false, sum_stops = false, sum_saves = false;
    bool sending = false;
    std::function<void()> when_sent;
  };
  struct Call {
    Event event;
    std::function<void()> then;
    bool answered = false;
  };
  using Then = std::function<void()>;

  // On the process's main thread, or on another one; not while it is stopped.
  void Main(Process& process, int64_t ms, Then what);
  void Other(Process& process, int64_t ms, Then what);
  void Ask(Process& process, Event event, Then then);
  void Transmit(Process& process, const std::shared_ptr<Call>& call);
  void Answered(Process& process, Answer answer);
  void Beat(Process& process);
  void Begin(Process& process);
  void TrainOn(Process& process);
  void EnterSum(Process& process);
  void EndSum();
  void EndStep(Process& process, bool stop, bool save);
  void GoOn(Process& process, bool stop, bool save);
  void Save(Process& process, Then then);
  void SendState(Process& process, const Replica& state);
  void WhenSent(Process& process, Then then);
  void EndStage(Process& process, const StageOutcome& outcome);
  void Leave(Process& process);
  void Die(Process& process);

  World world_;
  const GroupOrder order_;
  std::deque<Process> processes_;
  bool dying_ = false, gone_ = false;
};

}  // namespace strata
