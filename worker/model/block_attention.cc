#include "worker/model/block_attention.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <limits>

namespace strata {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kBlock = 128;  // queries

// Queries [begin, begin + count) and the keys [first, begin + count) that any of them sees.
struct Block {
  int64_t begin = 0, count = 0, first = 0;
  int64_t keys() const { return begin + count - first; }
};

std::vector<Block> BlocksOf(int64_t length, int64_t window) {
  std::vector<Block> blocks;
  for (int64_t begin = 0; begin < length; begin += kBlock) {
    const int64_t first = window > 0 ? std::max<int64_t>(0, begin - window + 1) : 0;
    blocks.push_back({begin, std::min(kBlock, length - begin), first});
  }
  return blocks;
}

// True where query q of the block must not look at key k of it.
at::Tensor HiddenQK(const Block& block, int64_t window, at::Device device) {
  const auto options = at::dtype(at::kLong).device(device);
  const at::Tensor query_Q1 =
      at::arange(block.begin, block.begin + block.count, options).unsqueeze(1);
  const at::Tensor key_1K =
      at::arange(block.first, block.first + block.keys(), options).unsqueeze(0);
  const at::Tensor later = key_1K > query_Q1;
  return window > 0 ? later.logical_or_(key_1K <= query_Q1 - window) : later;
}

// The weights of a block, [N, Q, K] in fp32; with a soft cap *capped_NQK is tanh(score / cap).
at::Tensor Weights(const at::Tensor& query_NQC, const at::Tensor& key_NKC, const Block& block,
                   const ScoreRule& rule, at::Tensor* capped_NQK) {
  at::Tensor scores_NQK = query_NQC.bmm(key_NKC.transpose(1, 2)).to(at::kFloat).mul_(rule.scale);
  if (rule.softcap > 0) {
    *capped_NQK = scores_NQK.div_(rule.softcap).tanh_();
    scores_NQK = *capped_NQK * rule.softcap;
  }
  scores_NQK.masked_fill_(HiddenQK(block, rule.window, query_NQC.device()),
                          -std::numeric_limits<float>::infinity());
  return at::softmax(scores_NQK, -1);
}

ScoreRule SavedRule(AutogradContext* ctx) {
  return {ctx->saved_data["scale"].toDouble(), ctx->saved_data["softcap"].toDouble(),
          ctx->saved_data["window"].toInt()};
}

// All of [N, L, C], N = examples · heads.
struct BlockAttentionFunction : torch::autograd::Function<BlockAttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& query, const at::Tensor& key,
                            const at::Tensor& value, double scale, double softcap, int64_t window) {
    const ScoreRule rule{scale, softcap, window};
    at::Tensor out = at::empty_like(query), capped;
    for (const Block& block : BlocksOf(query.size(1), window)) {
      const at::Tensor weights =
          Weights(query.narrow(1, block.begin, block.count),
                  key.narrow(1, block.first, block.keys()), block, rule, &capped);
      at::Tensor out_NQC = out.narrow(1, block.begin, block.count);
      out_NQC.copy_(
          weights.to(value.scalar_type()).bmm(value.narrow(1, block.first, block.keys())));
    }
    ctx->save_for_backward({query, key, value, out});
    ctx->saved_data["scale"] = scale;
    ctx->saved_data["softcap"] = softcap;
    ctx->saved_data["window"] = window;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &query = saved[0], &key = saved[1], &value = saved[2];
    const at::Tensor dout = grads[0].contiguous();
    // Σ_k weight · dweight of each query (Dao, "FlashAttention-2", 2023).
    const at::Tensor along = (dout.to(at::kFloat) * saved[3].to(at::kFloat)).sum(-1, true);
    const ScoreRule rule = SavedRule(ctx);
    at::Tensor dquery = at::empty_like(query);
    at::Tensor dkey = at::zeros(key.sizes(), key.options().dtype(at::kFloat));
    at::Tensor dvalue = at::zeros_like(dkey), capped;
    for (const Block& block : BlocksOf(query.size(1), rule.window)) {
      const auto of_queries = [&](const at::Tensor& x) {
        return x.narrow(1, block.begin, block.count);
      };
      const auto of_keys = [&](const at::Tensor& x) {
        return x.narrow(1, block.first, block.keys());
      };
      const at::Tensor weights = Weights(of_queries(query), of_keys(key), block, rule, &capped);
      const at::Tensor dweights =
          of_queries(dout).bmm(of_keys(value).transpose(1, 2)).to(at::kFloat);
      of_keys(dvalue).add_(weights.to(dout.scalar_type()).transpose(1, 2).bmm(of_queries(dout)));
      at::Tensor dscores = (dweights - of_queries(along)).mul_(weights).mul_(rule.scale);
      if (rule.softcap > 0) dscores.mul_(1 - capped.square());
      const at::Tensor narrow = dscores.to(query.scalar_type());
      of_queries(dquery).copy_(narrow.bmm(of_keys(key)));
      of_keys(dkey).add_(narrow.transpose(1, 2).bmm(of_queries(query)));
    }
    return {dquery,
            dkey.to(key.scalar_type()),
            dvalue.to(value.scalar_type()),
            at::Tensor(),
            at::Tensor(),
            at::Tensor()};
  }
};

}  // namespace

at::Tensor BlockAttention(const at::Tensor& query_EHLC, const at::Tensor& key_EHLC,
                          const at::Tensor& value_EHLC, const ScoreRule& rule) {
  const auto flat = [](const at::Tensor& x) { return x.flatten(0, 1).contiguous(); };
  return BlockAttentionFunction::apply(flat(query_EHLC), flat(key_EHLC), flat(value_EHLC),
                                       rule.scale, rule.softcap, rule.window)
      .view(query_EHLC.sizes());
}

}  // namespace strata
