// Turns the protocol's messages into the worker's plain values and back. Leaves of
// coordinator_client.cc.
#pragma once

#include "strata/v1/training.pb.h"
#include "worker/task/coordinator_client.h"

namespace strata {

// DATA_LOSS for a checkpoint without a digest.
absl::StatusOr<WorkerTask> TaskOf(const v1::JoinReply& reply);
StepWork WorkOf(const v1::StepShard& shard);
void SetMessage(const StagePosition& position, v1::Position* message);
void SetMessage(const SavedState& state, v1::CheckpointInfo* message);
void SetMessage(const WorkerProgress& progress, v1::HeartbeatRequest* message);
void SetMessage(const StepReport& report, v1::StepRecord* message);
void SetMessage(const EvaluationReport& report, v1::EvaluationRecord* message);
void SetMessage(const GeneratedToken& token, v1::GeneratedTokens* message);

}  // namespace strata
