// Times steps of the training loop that the worker runs (TrainStage), on rows of random tokens on
// one rank. Takes BenchOptions and a BenchModel, gives figures.
//
// Model: a step lasts from the report of the one before to its own, so that a device's work that a
// report does not wait for counts in the next; the first step is left out, the median is taken.
#pragma once

#include "worker/bench/bench_model.h"
#include "worker/bench/bench_options.h"

namespace strata {

struct StepTiming {
  double step_seconds = 0;
  double loss = 0;  // of the last step, in nats
  double peak_mebibytes = 0;
};

// Throws std::runtime_error when a step was not finite or the device has no room; as NamedDevice.
StepTiming TimeSteps(const BenchOptions& options, const BenchModel& model);

}  // namespace strata
