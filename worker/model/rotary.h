// Turns queries and keys by their positions: rotary embeddings (Su et al., "RoFormer", 2021) with
// the scalings of Llama 3 and LongRoPE (Ding et al., 2024). Takes where tokens stand in their
// sequences, gives the decoder the angles of a pass.
//
// Shapes: T tokens, H heads, C channels of a head, of which the first R turn.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "common/model_config.h"

namespace strata {

// Neighbouring tokens of one sequence: positions first … first + count - 1.
struct PositionSpan {
  int64_t first = 0, count = 0;
};

// Cosine and sine, [T, R / 2] each, times the attention factor.
struct RotaryAngles {
  at::Tensor cos_TR, sin_TR;
};

// Of the spans end to end; computed in fp32, given in the dtype and on the device of `like`. A
// sequence that reaches beyond rope.original_positions has LongRoPE's long factors throughout, as
// it would alone in transformers.
RotaryAngles AnglesAt(const std::vector<PositionSpan>& spans, const RopeConfig& rope,
                      int64_t head_dim, const at::Tensor& like);

// Hugging Face's convention: channel c turns with channel c + R / 2; those from R on stay.
at::Tensor Rotated(const at::Tensor& x_THC, const RotaryAngles& angles);

}  // namespace strata
