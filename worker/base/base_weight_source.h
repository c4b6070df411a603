// Gives the decoder the weights of a Hugging Face folder, mapped from its safetensors. Takes a
// folder, gives strata-worker and step_bench their WeightSource; the engine alone builds without.
#pragma once

#include <string>

#include "common/huggingface/base_weights.h"
#include "worker/model/weight_source.h"

namespace strata {

class BaseWeightSource final : public WeightSource {
 public:
  // Throws std::runtime_error with what BaseWeights::Open says.
  explicit BaseWeightSource(const std::string& folder);
  WeightView Get(const std::string& name) const override;
  bool Has(const std::string& name) const override { return weights_.Find(name) != nullptr; }

 private:
  BaseWeights weights_;
};

}  // namespace strata
