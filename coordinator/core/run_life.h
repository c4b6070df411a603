// Moves a run from phase to phase: launches an attempt, gives it up, ends the run. Used by the
// core's handlers of events only; each function adds what is to be done to `effects`.
#pragma once

#include <string>

#include "coordinator/core/run_core.h"

namespace strata {

inline bool Trains(const RunState& state) { return state.spec.purpose == Purpose::kTrain; }
inline bool Over(const RunState& state) { return state.phase == Phase::kEnded; }
// An attempt's ranks may call.
inline bool Live(const RunState& state) {
  return state.phase == Phase::kJoining || state.phase == Phase::kTraining ||
         state.phase == Phase::kCommitting;
}

JournalLine Line(const RunState& state, const char* kind, std::string words);

// What is there of the training to go on from, and what to do next: the end of a sentence.
std::string WhatIsKept(const RunState& state);

// Every rank has ended every stage before `end`, but those that the counting checkpoint stands for.
bool StagesProved(const RunState& state, uint32_t end);

// Begins the next attempt, from the last checkpoint.
void Launch(RunState& state, Effects& effects, Millis now);

// Gives the attempt up. Another follows once its processes are gone, unless a stop was asked for,
// too many were lost without a new checkpoint, or `permanent`: then the run ends.
void Lose(RunState& state, Effects& effects, const std::string& why, Millis now,
          bool permanent = false);

struct RunEnd {
  Verdict verdict = Verdict::kFailed;
  std::string why;
  bool resumable = true;  // the next train may go on from the last checkpoint
};
void End(RunState& state, Effects& effects, RunEnd end);
// As asked for by the user.
void EndStopped(RunState& state, Effects& effects);

// Makes the place before `state.checkpoint`, or the beginning, the place where the run is.
void ReturnToCheckpoint(RunState& state);

// The steps of a stage, over its epochs.
uint64_t StepsOf(const RunSpec& spec, uint32_t stage);

}  // namespace strata
