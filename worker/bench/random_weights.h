// Gives a model of any size weights that no file holds: keyed values of the scale at which signals
// keep their size. Takes a ModelConfig, stands in for a base's files where only its shapes matter.
//
// Model: one buffer of bf16 values for each input width, uniform with deviation 1 / √width; every
// matrix of that width is a stretch of it, beginning elsewhere for each name. So a model of eight
// billion weights costs one matrix of memory. Norms multiply by one, biases add nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/model_config.h"
#include "worker/model/weight_source.h"

namespace strata {

class RandomWeights final : public WeightSource {
 public:
  explicit RandomWeights(const ModelConfig& config);
  WeightView Get(const std::string& name) const override;
  bool Has(const std::string& name) const override { return shapes_.count(name) > 0; }

 private:
  std::map<std::string, std::vector<int64_t>> shapes_;
  std::map<int64_t, std::vector<uint16_t>> matrices_;  // by width
  std::vector<uint16_t> ones_, zeros_;
  bool norm_plus_one_ = false;
};

}  // namespace strata
