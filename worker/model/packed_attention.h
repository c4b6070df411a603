// Attends within the examples of a flat sequence on a GPU in one call: FlashAttention-2's
// variable-length kernels (Dao, 2023) in half precision, memory-efficient attention (Rabe and
// Staats, 2021) in fp32. Part of example_attention.h, which has another way for what neither can.
//
// Shapes: T tokens, E examples, H query heads, K key/value heads (a divisor of H), C channels of a
// head.
#pragma once

#include <ATen/core/Tensor.h>

#include "worker/model/example_attention.h"

namespace strata {

// Whether PackedAttention can: on CUDA, without a soft cap, with channels that the kernels take; in
// fp32 without a window that an example outgrows.
bool CanAttendPacked(const at::Tensor& query_THC, const Examples& examples, const ScoreRule& rule);

// [T, H, C], differentiable. REQUIRES: CanAttendPacked.
at::Tensor PackedAttention(const at::Tensor& query_THC, const at::Tensor& key_TKC,
                           const at::Tensor& value_TKC, const Examples& examples,
                           const ScoreRule& rule);

}  // namespace strata
