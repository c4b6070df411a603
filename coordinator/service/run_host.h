// Names what the gRPC service asks of the run that it serves. The driver (coordinator/run) is one;
// tests bring another.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"
#include "common/posix_file.h"
#include "coordinator/core/run_core.h"
#include "strata/v1/training.pb.h"

namespace strata {

// Which steps of which stage a rank asks for.
struct ShardWindow {
  Rank rank;
  uint32_t stage = 0, epoch = 0, first_step = 0, step_count = 0;
  bool held_out = false;  // of the stage's held-out rows; epoch is 0
};

// Threads: every function is called from any of the server's threads, several at once.
class RunHost {
 public:
  virtual ~RunHost() = default;
  // Whose callers are let in. Constant for the life of the run.
  virtual const RunId& Run() const = 0;
  // Moves the core by one event. When it returns, the journal lines of the event are durable.
  virtual Effects Submit(const Event& event) = 0;
  // The reply to every Join of the live attempt: base, LoRA, task.
  virtual v1::JoinReply Task() const = 0;
  // The flat fp32 adapter that the task begins with. Constant for the life of the run.
  virtual const std::vector<float>& Adapter() const = 0;
  // INVALID_ARGUMENT when the plan has no such window.
  virtual absl::StatusOr<std::vector<v1::StepShard>> Shard(const ShardWindow& window) = 0;
  // The same, and records the step if the core took it as new: nothing comes between the two.
  virtual Effects SubmitStep(const StepDone& done, const v1::StepRecord& step) = 0;
  // Likewise for an evaluation of held-out rows.
  virtual Effects SubmitEvaluation(const EvaluationDone& done,
                                   const v1::EvaluationRecord& evaluation) = 0;
  // Makes a rank 0's state durable and reads it back; the core is told afterwards. Errors as
  // CheckpointFolder::Keep.
  virtual absl::Status KeepCheckpoint(const Checkpoint& checkpoint, uint64_t bytes,
                                      const NextPiece& next) = 0;
  // The file that the live attempt begins from. FAILED_PRECONDITION when it begins without one.
  virtual absl::StatusOr<std::filesystem::path> CheckpointToFetch() const = 0;
  // The candidate, whole and of the digest announced; the core is told afterwards.
  virtual void TakeCandidate(std::vector<float> adapter) = 0;
  virtual void TakeEvaluation(double loss_sum, uint64_t tokens) = 0;
  // True once every prompt of the task has its end; tokens already known are ignored.
  // INVALID_ARGUMENT when they do not follow on those known.
  virtual absl::StatusOr<bool> TakeGeneration(const v1::ReportGenerationRequest& report) = 0;
};

}  // namespace strata
