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

// The examples of a flat sequence of tokens, end to end.
struct Examples {
  std::vector<int64_t> lengths;
  int64_t longest = 0;
  at::Tensor bounds;  // int32 [E + 1] on a GPU: where each begins, and T; undefined on the CPU
};

// Made once for all layers of a pass.
Examples ExamplesOf(const std::vector<int64_t>& lengths, at::Device device);

// [T, H * C]. REQUIRES: the lengths add up to T.
at::Tensor ExampleAttention(const at::Tensor& query_THC, const at::Tensor& key_TKC,
                            const at::Tensor& value_TKC, const Examples& examples,
                            const ScoreRule& rule);

// [T, heads, C]: each key/value head as often as query heads share it.
at::Tensor ForEveryQueryHead(const at::Tensor& x_TKC, int64_t heads);

}  // namespace strata
