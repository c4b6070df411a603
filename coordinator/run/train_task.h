// Tells the workers of a training what to do: the stages of the plan and the settings that the
// engine goes by. Takes Config, Base and Plan, gives the reply to a Join.
#pragma once

#include "coordinator/config/config.h"
#include "coordinator/plan/plan.h"
#include "coordinator/run/base.h"
#include "strata/v1/training.pb.h"

namespace strata {

// Without a checkpoint to go on from: that is the attempt's.
v1::JoinReply TrainTaskOf(const Config& config, const Base& base, const Plan& plan);

}  // namespace strata
