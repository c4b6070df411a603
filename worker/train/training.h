// Names what the training loop needs of the world around it: steps to do, ranks to agree with, someone to tell.
// The loop (worker/train) takes these; worker/task brings them over gRPC, worker/collective over MPI or NCCL, tests by
// hand. Everything here throws std::exception on failure; the task's door turns that into a Status.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace strata {

// Half-open, in tokens of the row: predicted and counted in the loss. Never an example's first token.
struct SupervisedSpan {
  int64_t begin = 0, end = 0;
};

// One sequence of whole examples that never attend to one another.
struct TrainingRow {
  uint32_t index = 0;  // within the step, over all ranks: part of the dropout key
  std::vector<int64_t> ids;
  std::vector<int64_t> example_lengths;  // they add up to the ids
  std::vector<SupervisedSpan> supervised;
};

// One rank's share of a step.
struct StepWork {
  uint32_t step = 0;  // from 0 within the epoch
  double learning_rate = 0;
  int64_t step_supervised_tokens = 0;  // of all ranks: the denominator of the loss
  int64_t step_tokens = 0;             // of all ranks
  std::vector<TrainingRow> rows;       // may be empty: the rank still reduces
};

struct StagePosition {
  uint32_t stage = 0, epoch = 0, step = 0;
};

class StepSource {
 public:
  virtual ~StepSource() = default;
  // Called in order of training; may block while a shard is on its way.
  virtual StepWork Fetch(StagePosition position) = 0;
};

class Collective {
 public:
  virtual ~Collective() = default;
  virtual int rank() const = 0;
  virtual int world() const = 0;
  // Replaces the flat, contiguous fp32 tensor by its sum over all ranks: the same bits on each.
  virtual void SumInPlace(at::Tensor& flat_N) = 0;
};

struct StepReport {
  StagePosition position;
  double loss = 0;  // mean NLL per supervised token of the whole step, in nats
  double learning_rate = 0;
  double grad_norm = 0;  // global L2, before clipping
  int64_t tokens = 0;    // of all ranks
  double seconds = 0;
  bool skipped = false;  // a loss or gradient was not finite; no rank applied it
};

class TrainingObserver {
 public:
  virtual ~TrainingObserver() = default;
  // After each step, on each rank, with the same figures but for seconds.
  virtual void OnStep(const StepReport& report) = 0;
  // Asked before each step on each rank; when any rank says true, all stop after that step.
  virtual bool StopRequested() = 0;
};

}  // namespace strata
