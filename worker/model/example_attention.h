// Attends within each example of a flat sequence of tokens, causally and never across examples: no
// mask over the whole is built and no token is padded. Takes rotated queries and keys, gives the
// decoder its attention output.
//
// Shapes: T tokens, H query heads, K key/value heads (a divisor of H), C channels of a head.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace strata {

// How a layer's scores are made of q·k.
struct ScoreRule {
  double scale = 1;
  double softcap = 0;  // c: c · tanh(scale · q·k / c); 0 leaves the scores
  int64_t window = 0;  // a token attends to so many, itself the last; 0 is all before it
};

// [T, H * C]. REQUIRES: the lengths add up to T.
at::Tensor ExampleAttention(const at::Tensor& query_THC, const at::Tensor& key_TKC,
                            const at::Tensor& value_TKC,
                            const std::vector<int64_t>& example_lengths, const ScoreRule& rule);

}  // namespace strata
