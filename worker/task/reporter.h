// Tells the coordinator of a training as it goes: rank 0's steps now and then, every rank's
// checkpoints; and passes the coordinator's wish to stop on to the loop.
#pragma once

#include <chrono>
#include <vector>

#include "worker/task/checkpoint_sender.h"
#include "worker/task/coordinator_client.h"
#include "worker/train/flat_adapter.h"
#include "worker/train/training.h"

namespace strata {

class Reporter final : public TrainingObserver {
 public:
  // Both outlive this. Throws std::runtime_error, from any function, when a report does not arrive.
  Reporter(CoordinatorClient* client, CheckpointSender* sender, int rank);
  void OnStep(const StepReport& report) override;
  void OnEvaluation(const EvaluationReport& report) override;
  bool StopRequested() override;
  bool CheckpointDue(const StagePosition& step, bool last) override;
  void OnCheckpoint(TrainState state) override;
  // A checkpoint of the adapter alone, where checkpoints are taken at all.
  void OnStageBegins(uint32_t stage, const FlatAdapter& adapter);
  // Reports what has not been yet.
  void Flush();

 private:
  using Clock = std::chrono::steady_clock;
  CoordinatorClient* const client_;
  CheckpointSender* const sender_;
  const bool reports_;
  std::vector<StepReport> pending_;
  std::vector<EvaluationReport> evaluations_;
  Clock::time_point sent_, saved_;
  bool wants_checkpoint_ = false;  // and waits until the one before has arrived
};

}  // namespace strata
