// A coordinator process in memory: carries out what the core decides as the run's driver does, and
// may die at any point of it. Takes events of the world, gives launches, commits and a verdict.
//
// Lifecycle: it takes the run up from the disk's journal, as often as there are processes. After
// its verdict it answers until its group is gone. A crash leaves its group alive and only the disk
// behind.
#pragma once

#include <functional>
#include <string>

#include "tests/coordinator/core/core_watch.h"
#include "tests/coordinator/core/simulated_network.h"

namespace strata {

class CoordinatorHost {
 public:
  virtual ~CoordinatorHost() = default;
  virtual void StartGroup(AttemptId attempt, int world) = 0;
  // By force after so long; what is gone already is told at once. Then GroupExited.
  virtual void EndGroup(int64_t after_ms) = 0;
  virtual bool GroupLives() const = 0;
  // The process has ended: with a verdict, or by a crash.
  virtual void CoordinatorEnded() = 0;
};

// Faults that wait for their occasion; they outlive a process.
struct ArmedFaults {
  int journal_lines = 0;
  std::optional<CrashPoint> crash;
  int commits_failed = 0, commits_refused = 0;
  bool operator==(const ArmedFaults&) const = default;
};

class SimulatedCoordinator {
 public:
  struct World {
    const LifePlan& plan;
    CoreWatch& watch;
    SimulatedDisk& disk;
    SimulatedClock& clock;
    Draw& draw;
    ArmedFaults& armed;
    CoordinatorHost& host;
    std::function<void(const std::string&)> trace;  // a scenario's line; may be empty
  };
  explicit SimulatedCoordinator(const World& world) : world_(world) {}

  void Start();
  // Nothing when the process has died, perhaps of this event.
  std::optional<Answer> Submit(const Event& event);
  void Crash();

  bool alive() const { return alive_; }
  const std::optional<Verdict>& verdict() const { return verdict_; }
  const RunState& state() const { return state_; }
  const std::optional<Checkpoint>& launched_from() const { return launched_from_; }
  // Its group is gone after its verdict: nothing keeps it.
  void Leave();

 private:
  // False when the coordinator died on the way.
  bool Keep(const std::vector<JournalLine>& lines, size_t* kept, bool* failed);
  bool CarryOut(const Event& event, const Effects& effects);
  void Record(const Event& event, const Effects& effects);
  void Commit();
  void EndCommit();
  void Conclude();
  void TickOn();
  // Dies if that was armed for this point.
  bool Dies(CrashPoint point);

  World world_;
  RunState state_;
  bool alive_ = false;
  std::optional<Verdict> verdict_;
  std::optional<Checkpoint> launched_from_;
  std::vector<Checkpoint> counted_;
  Position synced_;    // steps.jsonl has all before it, whatever happens
  size_t unkept_ = 0;  // lines of the last event that a crash left out of the journal
};

}  // namespace strata
