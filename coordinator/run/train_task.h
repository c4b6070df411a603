// Tells the core and the workers of a training what to do: the stages of the plan and the settings
// that they go by. Takes Config, Base and Plan, gives the RunSpec and the reply to a Join.
#pragma once

#include "coordinator/config/config.h"
#include "coordinator/core/run_core.h"
#include "coordinator/plan/plan.h"
#include "coordinator/run/base.h"
#include "strata/v1/training.pb.h"

namespace strata {

// What the run is to the core. `waits_for_user`: its workers are started by hand, whenever.
RunSpec TrainSpecOf(const Config& config, const Plan& plan, const RunId& run, bool waits_for_user);

// Without a checkpoint to go on from: that is the attempt's.
v1::JoinReply TrainTaskOf(const Config& config, const Base& base, const Plan& plan);

}  // namespace strata
