// Brings what the host has to the device that computes, without waiting for it: through page-locked
// memory, which libtorch keeps until the copy is done. So the next micro-batch is prepared while
// the device works on the last.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace strata {

// The same tensor for the CPU.
at::Tensor OnDevice(const at::Tensor& host, at::Device device);

// int64, [values].
at::Tensor IndexTensor(const std::vector<int64_t>& values, at::Device device);

}  // namespace strata
