// Makes the keep masks of LoRA's dropout as a pure function of what they are for: the step's key,
// the row, the token's position in it, the projection and the channel. So a mask never depends on
// the rank, the micro-batch or the number of threads that computed it. Takes the tokens of a
// micro-batch, gives lora_linear.h its masks.
//
// Model: Philox with the counter (row, position, projection, channel / 8) gives eight lanes of 16
// bits, one a channel; a channel is kept when its lane is below `keep`. The probability is
// therefore quantised to 1/65536, and the scale is exact for the quantised one.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace strata {

struct DropoutRate {
  uint32_t keep = 65536;  // of 65536; never 0
  double scale() const { return 65536.0 / keep; }
  bool none() const { return keep >= 65536; }
};

// REQUIRES: 0 <= dropout < 1.
DropoutRate QuantisedRate(double dropout);

struct TokenPlace {
  uint32_t row = 0;       // within the step, over all ranks
  uint32_t position = 0;  // within the row
};

// The key of one step's masks.
uint64_t StepDropoutKey(uint64_t stage_key, uint32_t epoch, uint32_t step);

struct MaskPurpose {
  uint64_t step_key = 0;
  uint32_t projection = 0;  // its place in ProjectionsOf
};

// uint8 [tokens, channels] on the CPU: 1 where kept.
at::Tensor KeepMask(const MaskPurpose& purpose, DropoutRate rate,
                    const std::vector<TokenPlace>& places, int64_t channels);

// x where the mask keeps it, 0 elsewhere; not scaled. A new tensor of x's shape, dtype and device.
at::Tensor Kept(const at::Tensor& x, const at::Tensor& mask);

}  // namespace strata
