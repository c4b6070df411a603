// Plays the life of a run that is written down as text, and writes down what the core answers.
//
// A scenario is lines of words. The first says the run, each other one is an event:
//   run world=2 [steps=2,1;3] [restarts=N] [least=N] [hang=MS] [backoff=MS] [stop_on_error]
//       [evaluation | generation]
//       steps per epoch; ';' parts the stages
//   start | stop | tick MS | committed [WHY] | commit-failed WHY | commit-refused WHY
//   crash [without=STAGE.EPOCH.STEP@ATTEMPT,…]: the coordinator dies, another takes the run up from
//       what the journal has; the files of these checkpoints are gone
//   unkept N: the last N lines never came into the journal | at MS: sets the clock
//   journal-failed WHY | log-failed WHY
//   join R/WORLD INCARNATION
//   beat R INCARNATION [headway=N] [waits=1] [sums=N] [busy=MS]
//   damaged WHY [DIGEST instead=STAGE.EPOCH.STEP]: the checkpoint that counts
//   saved R INCARNATION STAGE.EPOCH.STEP DIGEST | step R INCARNATION STAGE.EPOCH.STEP
//   stage R INCARNATION STAGE DIGEST [error=WHY] | candidate R INCARNATION DIGEST
//   evaluation R INCARNATION | generation R INCARNATION | fail R INCARNATION WHY [permanent] | exit
//   ATTEMPT HOW
// `attempt=N` behind an event of a rank says another attempt than 1. A DIGEST is any word. `tick`
// also sets the clock, in milliseconds. Indented lines are what the core did, and are not read.
#pragma once

#include <string>

#include "gtest/gtest.h"

namespace strata {

// The events of `scenario`, each followed by its answer and effects, indented.
std::string Play(const std::string& scenario);

// That the scenario, with all its indented lines, is what the core says.
inline void Expect(const std::string& scenario) { EXPECT_EQ(Play(scenario), scenario); }

}  // namespace strata
