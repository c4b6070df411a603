// Gives events to the core and holds everything that it does against what it promises. Takes an
// event, gives the core's effects; the first promise broken is kept, in words.
//
// Invariants, after every step: what the oracle says must happen happens, and nothing else; a
// foreign message leaves the state as it was; one attempt at most is live, each has a new number
// and begins from the checkpoint that counts; that one never goes back, was proved by all ranks,
// lies on the disk and is the state of an unbroken training; a verdict comes once, has a reason,
// and asks a living group to end; what is committed is the plan's adapter, once in all lives of the
// run, with each step recorded once and each stage's end as it was.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "tests/coordinator/core/core_oracle.h"
#include "tests/coordinator/core/simulated_disk.h"

namespace strata {

class CoreWatch {
 public:
  CoreWatch(const LifePlan& plan, const SimulatedTraining& training, const SimulatedDisk& disk)
      : plan_(plan), training_(training), disk_(disk) {}

  // A coordinator process takes the run up: `counting` is the last checkpoint that it finds whole.
  void Begin(const RunState& state, const std::optional<Checkpoint>& counting);
  Effects Take(RunState& state, const Event& event, Millis now);
  // A group is started for the attempt.
  void Launches(AttemptId attempt) { launched_ = attempt; }
  // A version is being made of this adapter.
  void Commits(const RunState& state, const Digest& adapter);
  void Says(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }

  // "" while all promises hold.
  const std::string& violation() const { return violation_; }
  // The process's group has living processes.
  void SetGroupLives(bool lives) { group_lives_ = lives; }

 private:
  void Demand(bool holds, const char* promise) {
    if (!holds) Says(promise);
  }
  void CheckEffects(const RunState& state, const Effects& effects, const Duty& duty);
  void CheckFate(const RunState& state, const Effects& effects, const Duty& duty);
  void CheckLines(const RunState& state, const Effects& effects, const Duty& duty);
  void CheckStageLine(const JournalLine& line);
  void CheckLaunch(const RunState& state, const Effects& effects);
  void CheckCheckpoint(const RunState& state);
  void CheckAnswer(const Event& event, const Effects& effects, const Duty& duty);

  const LifePlan& plan_;
  const SimulatedTraining& training_;
  const SimulatedDisk& disk_;
  std::optional<CoreOracle> oracle_;
  std::string violation_;
  bool group_lives_ = false;
  AttemptId launched_;  // the last of the run
};

// All of the state that a message could change, in one number.
uint64_t Fingerprint(const RunState& state);

}  // namespace strata
