#include "worker/train/flat_adapter.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cstring>
#include <stdexcept>

namespace strata {

FlatAdapter::FlatAdapter(const AdapterLayout& layout, at::Device device) : layout_(layout) {
  const c10::NoGradGuard no_grad;
  const auto options = at::dtype(at::kFloat).device(device);
  values_N_ = at::zeros({layout.elements}, options);
  reduced_M_ = at::zeros({layout.elements + kControlWords}, options);
  gradients_N_ = reduced_M_.narrow(0, 0, layout.elements);
  control_words_ = reduced_M_.narrow(0, layout.elements, kControlWords);
  for (const AdapterTensor& tensor : layout.tensors) {
    const auto part = [&](const at::Tensor& flat_N) {
      return flat_N.narrow(0, tensor.offset, tensor.elements()).view({tensor.rows, tensor.columns});
    };
    at::Tensor leaf = part(values_N_).detach();
    leaf.set_requires_grad(true);
    leaf.mutable_grad() = part(gradients_N_);
    leaves_.push_back(leaf);
  }
}

void FlatAdapter::Load(const std::vector<float>& values) {
  if (static_cast<int64_t>(values.size()) != values_N_.numel()) {
    throw std::invalid_argument("the adapter has another number of values than its layout: " +
                                std::to_string(values.size()) + ", expected " +
                                std::to_string(values_N_.numel()));
  }
  const c10::NoGradGuard no_grad;
  at::Tensor host_N = at::empty({values_N_.numel()}, at::kFloat);
  if (!values.empty()) std::memcpy(host_N.data_ptr(), values.data(), host_N.nbytes());
  values_N_.copy_(host_N);
}

std::vector<float> FlatAdapter::Values() const {
  const at::Tensor host_N = values_N_.to(at::kCPU).contiguous();
  const float* begin = host_N.const_data_ptr<float>();
  return {begin, begin + host_N.numel()};
}

}  // namespace strata
