#include "worker/model/cached_attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <stdexcept>

namespace strata {
namespace {

// The query heads that share a key/value head stand as its queries, so nothing is repeated for
// them.
at::Tensor OneTokenAttention(const at::Tensor& query_HC, const KvCache& cache, size_t layer,
                             const ScoreRule& rule) {
  const int64_t length = cache.length(layer);
  const int64_t seen = rule.window > 0 ? std::min(rule.window, length) : length;
  const at::Tensor keys_KPC = cache.keys_KPC(layer).narrow(1, length - seen, seen);
  const at::Tensor values_KPC = cache.values_KPC(layer).narrow(1, length - seen, seen);
  const int64_t kv_heads = keys_KPC.size(0), channels = query_HC.size(-1);
  const at::Tensor query_KGC = query_HC.reshape({kv_heads, -1, channels});
  if (rule.softcap == 0) {
    return at::scaled_dot_product_attention(query_KGC.unsqueeze(0), keys_KPC.unsqueeze(0),
                                            values_KPC.unsqueeze(0), {}, 0.0, false, rule.scale)
        .reshape({1, -1});
  }
  const at::Tensor scores_KGP =
      query_KGC.matmul(keys_KPC.transpose(1, 2)).to(at::kFloat).mul_(rule.scale / rule.softcap);
  const at::Tensor weights_KGP = at::softmax(scores_KGP.tanh().mul_(rule.softcap), -1);
  return weights_KGP.to(values_KPC.scalar_type()).matmul(values_KPC).reshape({1, -1});
}

}  // namespace

at::Tensor CachedAttention(const CachedSequences& sequences, size_t layer,
                           const at::Tensor& query_THC, const at::Tensor& key_TKC,
                           const at::Tensor& value_TKC, const ScoreRule& rule) {
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
    outputs.push_back(
        fresh ? ExampleAttention(query, key, value, ExamplesOf({length}, query.device()), rule)
              : OneTokenAttention(query, cache, layer, rule));
    begin += length;
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs);
}

}  // namespace strata
