// Attends where each sequence goes on from a cache of its own: no sequence sees another, none is
// padded. Takes rotated queries and keys of the new tokens, gives the decoder its attention output.
//
// Shapes: T new tokens of all sequences end to end, H query heads, K key/value heads (a divisor of
// H), C channels of a head.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "worker/model/example_attention.h"
#include "worker/model/kv_cache.h"

namespace strata {

struct CachedSequences {
  std::vector<int64_t> lengths;  // new tokens of each; they add up to T
  std::vector<KvCache*> caches;  // of each
};

// [T, H * C]; appends the keys and values to the caches' `layer`. A sequence whose cache is empty
// brings any number of tokens, another exactly one: else std::invalid_argument.
at::Tensor CachedAttention(const CachedSequences& sequences, size_t layer,
                           const at::Tensor& query_THC, const at::Tensor& key_TKC,
                           const at::Tensor& value_TKC, const ScoreRule& rule);

}  // namespace strata
