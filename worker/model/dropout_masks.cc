#include "worker/model/dropout_masks.h"

#include <ATen/ATen.h>

#include <stdexcept>

#include "worker/model/device_tensor.h"
#ifdef STRATA_WITH_CUDA
#include "worker/model/keep_mask_kernel.h"
#endif

namespace strata {
namespace {

class CpuMasks : public DropoutMasks {
 public:
  explicit CpuMasks(DropoutRate rate) : rate_(rate) {}
  PassPlaces Place(const std::vector<TokenPlace>& places) const override { return {places, {}}; }
  at::Tensor Mask(const MaskPurpose& purpose, const PassPlaces& places,
                  int64_t channels) const override {
    return KeepMask(purpose, rate_, places.host, channels);
  }

 private:
  DropoutRate rate_;
};

#ifdef STRATA_WITH_CUDA
class CudaMasks : public DropoutMasks {
 public:
  CudaMasks(DropoutRate rate, at::Device device) : rate_(rate), device_(device) {}

  PassPlaces Place(const std::vector<TokenPlace>& places) const override {
    at::Tensor host_T2 = at::empty({static_cast<int64_t>(places.size()), 2}, at::kInt);
    auto* out = static_cast<uint32_t*>(host_T2.data_ptr());
    for (const TokenPlace& place : places) *out++ = place.row, *out++ = place.position;
    return {{}, OnDevice(host_T2, device_)};
  }
  at::Tensor Mask(const MaskPurpose& purpose, const PassPlaces& places,
                  int64_t channels) const override {
    return kernel_.Mask(purpose, rate_, places.device_T2, channels);
  }

 private:
  DropoutRate rate_;
  at::Device device_;
  KeepMaskKernel kernel_;
};
#endif

}  // namespace

std::unique_ptr<DropoutMasks> MakeDropoutMasks(DropoutRate rate, at::Device device) {
  if (device.is_cpu()) return std::make_unique<CpuMasks>(rate);
#ifdef STRATA_WITH_CUDA
  if (device.is_cuda()) return std::make_unique<CudaMasks>(rate, device);
#endif
  throw std::runtime_error("this build makes no dropout masks on " + device.str() +
                           ": build with STRATA_CUDA=ON, or set device: cpu");
}

}  // namespace strata
