#include "worker/bench/named_device.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>

namespace strata {

at::Device NamedDevice(const std::string& name) {
  if (name == "cpu") return at::Device(at::kCPU);
  if (name != "cuda")
    throw std::invalid_argument("there is no device '" + name + "': name cpu or cuda");
  const auto& hooks = at::detail::getCUDAHooks();
  if (!hooks.hasCUDA() && !at::hasCUDA())
    throw NoDevice(
        "no CUDA device: this build or its libtorch has no CUDA, or there is no driver; see "
        "nvidia-smi, and build with a libtorch that has CUDA (STRATA_TORCH_DIR, STRATA_CUDA)");
  if (hooks.deviceCount() == 0)
    throw NoDevice("no CUDA device: libtorch sees none; see nvidia-smi and CUDA_VISIBLE_DEVICES");
  return at::Device(at::kCUDA, 0);
}

void PrepareLibtorch() { at::globalContext().setSDPUseCuDNN(false); }

}  // namespace strata
