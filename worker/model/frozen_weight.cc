#include "worker/model/frozen_weight.h"

#include <ATen/ATen.h>

#include <cstring>
#include <sstream>
#include <stdexcept>

namespace strata {
namespace {

at::ScalarType ScalarTypeOf(const std::string& name, const std::string& dtype) {
  if (dtype == "F32") return at::kFloat;
  if (dtype == "BF16") return at::kBFloat16;
  if (dtype == "F16") return at::kHalf;
  throw std::runtime_error("weight " + name + " has dtype " + dtype +
                           "; the decoder reads F32, BF16 and F16: convert the model");
}

}  // namespace

at::Tensor FrozenWeight(const WeightSource& source, const std::string& name,
                        const std::vector<int64_t>& shape, const Placement& placement) {
  const WeightView view = source.Get(name);
  if (view.shape != shape) {
    std::ostringstream message;
    message << "weight " << name << " does not have the shape that config.json implies: found "
            << at::IntArrayRef(view.shape) << ", expected " << at::IntArrayRef(shape);
    throw std::runtime_error(message.str());
  }
  at::Tensor weight = at::empty(shape, at::dtype(ScalarTypeOf(name, view.dtype)));
  std::memcpy(weight.data_ptr(), view.data, weight.nbytes());
  return weight.to(placement.device, placement.compute);
}

}  // namespace strata
