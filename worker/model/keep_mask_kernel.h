// Makes keep masks on a GPU by a kernel that is compiled when it is first needed: NVRTC gives PTX
// for every device since Turing, the driver makes it the device's own. Built with STRATA_CUDA only;
// dropout_masks.h gives the decoder one. The door to nvrtc.h and the runtime's module loading.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "worker/model/keyed_dropout.h"

namespace strata {

class KeepMaskKernel {
 public:
  // Throws std::runtime_error with NVRTC's or the runtime's words.
  KeepMaskKernel();
  ~KeepMaskKernel();
  KeepMaskKernel(const KeepMaskKernel&) = delete;
  KeepMaskKernel& operator=(const KeepMaskKernel&) = delete;

  // What KeepMask gives, on the device and stream of `places_T2`: int32 row and position of each
  // token. Throws std::runtime_error when it can't be launched.
  at::Tensor Mask(const MaskPurpose& purpose, DropoutRate rate, const at::Tensor& places_T2,
                  int64_t channels) const;

  // Needs no device. Throws as the constructor.
  static std::string Ptx();
  // The text of keep_mask_kernel.cuh.
  static const char* Source();

 private:
  struct Library;
  std::unique_ptr<Library> library_;
};

}  // namespace strata
