#include "worker/base/base_weight_source.h"

#include <stdexcept>
#include <utility>

namespace strata {
namespace {

BaseWeights Opened(const std::string& folder) {
  auto weights = BaseWeights::Open(folder);
  if (!weights.ok()) throw std::runtime_error(std::string(weights.status().message()));
  return *std::move(weights);
}

}  // namespace

BaseWeightSource::BaseWeightSource(const std::string& folder) : weights_(Opened(folder)) {}

WeightView BaseWeightSource::Get(const std::string& name) const {
  const TensorView* tensor = weights_.Find(name);
  if (tensor == nullptr) throw std::runtime_error("the base model has no weight " + name);
  return {tensor->dtype, tensor->shape, tensor->data};
}

}  // namespace strata
