// Says what the core must do with an event, from what was told before. Takes every event in the
// order in which the core gets it, gives a Duty to compare its effects with. It is written apart
// from the core, from the promises, and keeps only what messages and effects have told.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/coordinator/core/simulated_training.h"

namespace strata {

// What becomes of the run with one event.
enum class Fate { kGoesOn, kLost, kFailed, kInterrupted, kCompleted };

struct Duty {
  bool foreign = false;  // it must change nothing, and be refused when it is a message
  Fate fate = Fate::kGoesOn;
  bool resumable = true;  // of a run that ends
  bool launch = false;
  bool checkpoint = false;
  std::optional<uint32_t> stage;  // all ranks have ended it alike
  bool commit = false;
  bool record_step = false, record_evaluation = false;
  bool straggler = false;        // the rank that called is said to be one
  std::optional<Answer> answer;  // nothing: not promised
};

class CoreOracle {
 public:
  // `counting`: the checkpoint that a new coordinator process has found; `attempt`: the last one
  // that the journal tells of.
  CoreOracle(const LifePlan& plan, std::optional<Checkpoint> counting, AttemptId attempt);

  Duty Take(const Event& event, Millis now);

  enum class Phase { kIdle, kJoining, kTraining, kCommitting, kLeaving, kWaiting, kOver };
  Phase phase() const { return phase_; }
  AttemptId attempt() const { return attempt_; }
  int world() const { return world_; }
  Position place() const { return counting_ ? counting_->next : Position{}; }
  const std::optional<Checkpoint>& counting() const { return counting_; }
  const Position& recorded() const { return recorded_; }

 private:
  struct Told {
    std::string incarnation;
    Millis seen{0}, headway_at{0};
    RankProgress progress;
    std::map<uint32_t, StageFinished> finished;
    std::optional<CheckpointTaken> state;
    bool straggles = false;
  };
  bool Live() const {
    return phase_ == Phase::kJoining || phase_ == Phase::kTraining || phase_ == Phase::kCommitting;
  }
  bool AllJoined() const;
  bool IsForeign(const Event& event) const;
  Answer Onward() const { return stops_ > 0 ? Answer::kStop : Answer::kOk; }

  void Launch(Duty& duty, Millis now);
  void Lose(Duty& duty, Millis now, bool permanent = false);
  void End(Duty& duty, Fate fate, bool resumable = true);
  void ConsiderCommit(Duty& duty, Millis now);
  void ConsiderStraggler(Duty& duty, int rank);
  bool StatesAreComplete(const Position& next) const;
  bool MustLose(Millis now) const;

  void On(Duty& duty, const Started& event, Millis now);
  void On(Duty& duty, const Joined& event, Millis now);
  void On(Duty& duty, const Heartbeat& event, Millis now);
  void On(Duty& duty, const StepDone& event, Millis now);
  void On(Duty& duty, const EvaluationDone& event, Millis now);
  void On(Duty& duty, const CheckpointTaken& event, Millis now);
  void On(Duty& duty, const StageFinished& event, Millis now);
  void On(Duty& duty, const CandidateArrived& event, Millis now);
  void On(Duty& duty, const ResultArrived& event, Millis now);
  void On(Duty& duty, const RankFailed& event, Millis now);
  void On(Duty& duty, const GroupExited& event, Millis now);
  void On(Duty& duty, const StopAsked& event, Millis now);
  // Not of the simulated lives: run_core_attempts_scenario_test.cc has it.
  void On(Duty&, const CheckpointDamaged&, Millis) {}
  void On(Duty& duty, const JournalFailed& event, Millis now);
  void On(Duty& duty, const CommitEnded& event, Millis now);
  void On(Duty& duty, const Tick& event, Millis now);
  Told& Of(const Caller& caller) { return ranks_[static_cast<size_t>(caller.rank.value())]; }

  const RunSpec& spec_;
  Phase phase_ = Phase::kIdle;
  AttemptId attempt_;
  int world_;
  std::vector<Told> ranks_;
  std::optional<Checkpoint> counting_;
  Position recorded_, evaluated_;
  std::optional<Digest> candidate_;
  Millis launched_{0}, first_join_{-1}, due_{0}, stop_since_{0};
  uint32_t losses_ = 0;  // since the last checkpoint
  int stops_ = 0;
  bool proving_ = false;  // the last event asked for the commit
};

}  // namespace strata
