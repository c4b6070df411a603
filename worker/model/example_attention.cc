#include "worker/model/example_attention.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "worker/model/block_attention.h"
#include "worker/model/device_tensor.h"
#include "worker/model/packed_attention.h"

namespace strata {
namespace {

// Neighbours of equal length are attended to in one call.
struct Run {
  int64_t examples = 0, length = 0;
};

std::vector<Run> RunsOf(const std::vector<int64_t>& lengths) {
  std::vector<Run> runs;
  for (const int64_t length : lengths) {
    if (runs.empty() || runs.back().length != length) runs.push_back({0, length});
    ++runs.back().examples;
  }
  return runs;
}

// [examples, H, L, C] each.
at::Tensor OfExamples(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                      const ScoreRule& rule) {
  const bool windowed = rule.window > 0 && rule.window < query.size(2);
  if (windowed || rule.softcap > 0) return BlockAttention(query, key, value, rule);
  return at::scaled_dot_product_attention(query, key, value, {}, 0.0, /*is_causal=*/true,
                                          rule.scale);
}

}  // namespace

Examples ExamplesOf(const std::vector<int64_t>& lengths, at::Device device) {
  Examples examples{lengths, 0, {}};
  std::vector<int32_t> bounds = {0};
  for (const int64_t length : lengths) {
    examples.longest = std::max(examples.longest, length);
    bounds.push_back(bounds.back() + static_cast<int32_t>(length));
  }
  if (!device.is_cpu()) examples.bounds = OnDevice(at::tensor(bounds, at::kInt), device);
  return examples;
}

at::Tensor ForEveryQueryHead(const at::Tensor& x_TKC, int64_t heads) {
  const int64_t kv_heads = x_TKC.size(1);
  if (kv_heads == heads) return x_TKC;
  return x_TKC.unsqueeze(2)
      .expand({-1, -1, heads / kv_heads, -1})
      .reshape({x_TKC.size(0), heads, x_TKC.size(2)});
}

at::Tensor ExampleAttention(const at::Tensor& query_THC, const at::Tensor& key_TKC,
                            const at::Tensor& value_TKC, const Examples& examples,
                            const ScoreRule& rule) {
  const int64_t heads = query_THC.size(1), channels = query_THC.size(2);
  if (CanAttendPacked(query_THC, examples, rule))
    return PackedAttention(query_THC, key_TKC, value_TKC, examples, rule).flatten(1);
  const std::vector<Run> runs = RunsOf(examples.lengths);
  std::vector<int64_t> sizes;
  for (const Run& run : runs) sizes.push_back(run.examples * run.length);
  const auto queries = query_THC.split_with_sizes(sizes);
  const auto keys = ForEveryQueryHead(key_TKC, heads).split_with_sizes(sizes);
  const auto values = ForEveryQueryHead(value_TKC, heads).split_with_sizes(sizes);

  std::vector<at::Tensor> outputs;
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto batched = [&](const at::Tensor& x) {
      return x.reshape({runs[i].examples, runs[i].length, heads, channels}).transpose(1, 2);
    };
    const at::Tensor out =
        OfExamples(batched(queries[i]), batched(keys[i]), batched(values[i]), rule);
    outputs.push_back(out.transpose(1, 2).reshape({sizes[i], heads * channels}));
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs);
}

}  // namespace strata
