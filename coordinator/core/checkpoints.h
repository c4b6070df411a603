// Says which checkpoint of a training counts. Used by the core's handlers of events only.
//
// Model: every rank tells the place and the digest of each state that it takes, rank 0 once its
// own is on disk. A checkpoint counts when the last that each rank has told is the same one.
#pragma once

#include "coordinator/core/run_core.h"

namespace strata {

// The plan has the place: the beginning of a stage after the first, or one behind a step.
bool IsPlace(const RunSpec& spec, const Position& next);

// A rank of the attempt has taken a checkpoint. An older one than counts already changes nothing;
// ranks whose states differ lose the attempt.
void TakeCheckpoint(RunState& state, Effects& effects, const CheckpointTaken& event, Millis now);

}  // namespace strata
