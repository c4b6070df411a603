// Attends causally where a window or a soft cap rules the scores, block of queries by block: what
// lies outside a block's window is never computed, and no more than one block's scores exist at a
// time, be it forward or backward. Takes the examples of one length, part of example_attention.h.
//
// Shapes: E examples, H heads, L tokens of an example, C channels of a head.
#pragma once

#include <ATen/core/Tensor.h>

#include "worker/model/example_attention.h"

namespace strata {

// [E, H, L, C]; scores, softmax and the sums of gradients over blocks in fp32.
at::Tensor BlockAttention(const at::Tensor& query_EHLC, const at::Tensor& key_EHLC,
                          const at::Tensor& value_EHLC, const ScoreRule& rule);

}  // namespace strata
