// Finds the model that `step_bench` measures: its ModelConfig and its weights, by a published
// shape's name or from a folder. Takes what the user named, gives a Decoder its base.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "common/model_config.h"
#include "worker/model/weight_source.h"

namespace strata {

struct BenchModel {
  ModelConfig config;
  std::unique_ptr<WeightSource> weights;
  bool random = false;  // no file has these weights
};

struct BaseError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// `base` as BenchOptions has it. Throws BaseError that says what is wrong with it, and
// that a folder needs the full build where this is the engine alone.
BenchModel FindBenchModel(const std::string& base);

}  // namespace strata
