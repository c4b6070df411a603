// Gives a decoder the keep masks of its device: the same bits on each. Takes where the tokens of a
// pass stand, once, and then a projection at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "worker/model/keyed_dropout.h"

namespace strata {

// Where the tokens of a pass stand, as the masks of its device read it.
struct PassPlaces {
  std::vector<TokenPlace> host;
  at::Tensor device_T2;  // int32 row and position; undefined on the CPU
};

class DropoutMasks {
 public:
  virtual ~DropoutMasks() = default;
  virtual PassPlaces Place(const std::vector<TokenPlace>& places) const = 0;
  // uint8 [tokens, channels]: 1 where kept; what KeepMask gives.
  virtual at::Tensor Mask(const MaskPurpose& purpose, const PassPlaces& places,
                          int64_t channels) const = 0;
};

// Throws std::runtime_error when the device has no way to make them.
std::unique_ptr<DropoutMasks> MakeDropoutMasks(DropoutRate rate, at::Device device);

}  // namespace strata
