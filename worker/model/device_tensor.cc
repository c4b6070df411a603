#include "worker/model/device_tensor.h"

#include <ATen/ATen.h>

namespace strata {

at::Tensor OnDevice(const at::Tensor& host, at::Device device) {
  if (device.is_cpu()) return host;
  const at::Tensor locked = device.is_cuda() ? host.pin_memory() : host;
  return locked.to(device, host.scalar_type(), /*non_blocking=*/true);
}

at::Tensor IndexTensor(const std::vector<int64_t>& values, at::Device device) {
  return OnDevice(at::tensor(values, at::kLong), device);
}

}  // namespace strata
