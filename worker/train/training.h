// Names what the training loop needs of the world around it: steps to do, ranks to agree with,
// someone to tell. The loop (worker/train) takes these; worker/task brings them over gRPC,
// worker/collective over MPI or NCCL, tests by hand. Everything here throws std::exception on
// failure; the task's door turns that into a Status.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "common/train_state.h"
#include "worker/train/step_work.h"

namespace strata {

class Decoder;
class FlatAdapter;

class StepSource {
 public:
  virtual ~StepSource() = default;
  // Called in order of training; may block while a shard is on its way.
  virtual StepWork Fetch(StagePosition position) = 0;
  // A step of the rows that the stage holds out; called from step 0 on, as often as they are
  // evaluated.
  virtual StepWork FetchHeldOut(uint32_t stage, uint32_t step) = 0;
};

class Collective {
 public:
  virtual ~Collective() = default;
  virtual int rank() const = 0;
  virtual int world() const = 0;
  // Replaces the flat, contiguous fp32 tensor by its sum over all ranks: the same bits on each.
  virtual void SumInPlace(at::Tensor& flat_N) = 0;
};

// The parts that a task trains with.
struct TrainingEngine {
  Decoder& decoder;
  FlatAdapter& adapter;
  StepSource& source;
  Collective& collective;
};

// A training's state between two steps, on its own: later steps do not change it.
struct TrainState {
  TrainStateHeader header;
  std::vector<at::Tensor> sections_N;  // fp32 on the CPU, as common/train_state.h has them
};

class TrainingObserver {
 public:
  virtual ~TrainingObserver() = default;
  // After each step, on each rank, with the same figures but for seconds.
  virtual void OnStep(const StepReport& report) = 0;
  // After the step that an evaluation follows on; likewise.
  virtual void OnEvaluation(const EvaluationReport& report) = 0;
  // Asked before each step on each rank; when any rank says true, all stop after that step.
  virtual bool StopRequested() = 0;
  // Asked before each step on each rank; when any rank says true, all take a checkpoint after that
  // step. `last`: it is the last of its stage, which the next stage's beginning stands for.
  virtual bool CheckpointDue(const StagePosition& step, bool last) = 0;
  // On each rank, with the same state; before a stop it is the last thing that is told.
  virtual void OnCheckpoint(TrainState state) = 0;
};

}  // namespace strata
