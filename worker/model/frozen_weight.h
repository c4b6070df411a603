// Copies one weight of the base model into a tensor that no gradient reaches. Takes a WeightSource,
// gives the decoder its matrices in the dtype and on the device it computes with.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "worker/model/weight_source.h"

namespace strata {

struct Placement {
  at::ScalarType compute = at::kFloat;  // float32 or bfloat16
  at::Device device = at::kCPU;
};

// Throws std::runtime_error naming the weight when it is missing, of another shape or of a dtype
// that is not a float.
at::Tensor FrozenWeight(const WeightSource& source, const std::string& name,
                        const std::vector<int64_t>& shape, const Placement& placement);

}  // namespace strata
