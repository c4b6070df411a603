#include "worker/model/cached_attention.h"

#include <ATen/ATen.h>

#include <stdexcept>

#include "worker/model/example_attention.h"

namespace strata {
namespace {

// The query heads that share a key/value head stand as its queries, so nothing is repeated for
// them.
at::Tensor OneTokenAttention(const at::Tensor& query_HC, const KvCache& cache, size_t layer) {
  const at::Tensor keys_KPC = cache.keys_KPC(layer), values_KPC = cache.values_KPC(layer);
  const int64_t kv_heads = keys_KPC.size(0), channels = query_HC.size(-1);
  const at::Tensor query_1KGC = query_HC.reshape({1, kv_heads, -1, channels});
  return at::scaled_dot_product_attention(query_1KGC, keys_KPC.unsqueeze(0),
                                          values_KPC.unsqueeze(0))
      .reshape({1, -1});
}

}  // namespace

at::Tensor CachedAttention(const CachedSequences& sequences, size_t layer,
                           const at::Tensor& query_THC, const at::Tensor& key_TKC,
                           const at::Tensor& value_TKC) {
  std::vector<at::Tensor> outputs;
  int64_t begin = 0;
  for (size_t i = 0; i < sequences.lengths.size(); ++i) {
    const int64_t length = sequences.lengths[i];
    KvCache& cache = *sequences.caches[i];
    const bool fresh = cache.length(layer) == 0;
    if (!fresh && length != 1)
      throw std::invalid_argument("a sequence that goes on brings one token, not " +
                                  std::to_string(length));
    const at::Tensor query = query_THC.narrow(0, begin, length);
    const at::Tensor key = key_TKC.narrow(0, begin, length);
    const at::Tensor value = value_TKC.narrow(0, begin, length);
    cache.Append(layer, key, value);
    outputs.push_back(fresh ? ExampleAttention(query, key, value, {length})
                            : OneTokenAttention(query, cache, layer));
    begin += length;
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs);
}

}  // namespace strata
