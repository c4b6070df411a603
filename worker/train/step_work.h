// Holds a rank's share of a step and what came of it: plain values, known to those who bring them
// over the wire and to the loop that trains on them. Needs neither libtorch nor gRPC.
#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

namespace strata {

// Half-open, in tokens of the row: predicted and counted in the loss. Never an example's first
// token.
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

// Steps of a stage up to `last` and with it. `steps`: of each of its epochs.
inline uint32_t StepsUntil(const std::vector<uint32_t>& steps, const StagePosition& last) {
  return std::accumulate(steps.begin(), steps.begin() + last.epoch, last.step + 1);
}

struct StepReport {
  StagePosition position;
  double loss = 0;  // mean NLL per supervised token of the whole step, in nats
  double learning_rate = 0;
  double grad_norm = 0;  // global L2, before clipping
  int64_t tokens = 0;    // of all ranks
  double seconds = 0;
  double reduce_seconds = 0;  // of these, in the all-reduce; the slowest rank is waited for there
  bool skipped = false;       // a loss or gradient was not finite; no rank applied it
};

// The loss over a stage's held-out rows.
struct EvaluationReport {
  StagePosition after;  // the last step that was done before it
  double loss = 0;      // mean NLL per supervised token, in nats; may be not finite
  int64_t tokens = 0;   // supervised, of all ranks
  double seconds = 0;
  bool best = false;        // the least of the stage so far
  bool ends_stage = false;  // sooner than planned: patience is spent
};

}  // namespace strata
