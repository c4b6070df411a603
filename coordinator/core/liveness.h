// Judges by what the ranks tell and how long they are silent: who is lost, who hangs, who is
// slow. Used by the core's handlers of events only.
#pragma once

#include <string>

#include "coordinator/core/run_core.h"

namespace strata {

// Takes what a rank tells of its progress. A rank that computes much longer than the others is said
// to straggle, once in an attempt: the others wait for it in every step.
// REQUIRES: the event's rank is one of the live attempt.
void TakeProgress(RunState& state, Effects& effects, const Heartbeat& event, Millis now);

// Why the attempt must be given up, naming the rank: it did not join, its lease has run out, or no
// rank makes headway. "" while there is no reason.
std::string WhatIsLost(const RunState& state, Millis now);

}  // namespace strata
