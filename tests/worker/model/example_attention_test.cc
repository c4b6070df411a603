// Goal: attention within examples is the dense one under a mask, with windows and soft caps, too.
// Method: output and gradients against a softmax in fp64 over all T x T scores, causal and blocked
// by example.
//
// Shapes: T tokens, H query heads, K key/value heads, C channels of a head.
#include "worker/model/example_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

namespace strata {
namespace {

using Lengths = std::vector<int64_t>;

// True where token q may look at token t.
at::Tensor VisibleTT(const Lengths& lengths, int64_t window) {
  std::vector<at::Tensor> blocks;
  for (const int64_t length : lengths) {
    const at::Tensor causal = at::ones({length, length}).tril();
    blocks.push_back(window > 0 ? causal.triu(1 - window) : causal);
  }
  return at::block_diag(blocks) > 0;
}

at::Tensor DenseAttention(const at::Tensor& query_THC, const at::Tensor& key_TKC,
                          const at::Tensor& value_TKC, const Lengths& lengths,
                          const ScoreRule& rule) {
  const int64_t group = query_THC.size(1) / key_TKC.size(1);
  const at::Tensor hidden_TT = VisibleTT(lengths, rule.window).logical_not();
  std::vector<at::Tensor> heads;
  for (int64_t head = 0; head < query_THC.size(1); ++head) {
    const at::Tensor query_TC = query_THC.select(1, head);
    const at::Tensor key_TC = key_TKC.select(1, head / group);
    at::Tensor scores_TT = query_TC.mm(key_TC.t()) * rule.scale;
    if (rule.softcap > 0) scores_TT = (scores_TT / rule.softcap).tanh() * rule.softcap;
    const double none = -std::numeric_limits<double>::infinity();
    const at::Tensor weights_TT = at::softmax(scores_TT.masked_fill(hidden_TT, none), 1);
    heads.push_back(weights_TT.mm(value_TKC.select(1, head / group)));
  }
  return at::cat(heads, 1);
}

struct Inputs {
  at::Tensor query_THC, key_TKC, value_TKC;
};

Inputs RandomInputs(int64_t tokens, int64_t kv_heads) {
  at::manual_seed(4);
  const auto leaf = [&](int64_t heads) {
    return at::randn({tokens, heads, 6}, at::kFloat).set_requires_grad(true);
  };
  return {leaf(4), leaf(kv_heads), leaf(kv_heads)};
}

at::Tensor Wide(const at::Tensor& x) { return x.detach().to(at::kDouble).set_requires_grad(true); }

void ExpectClose(const at::Tensor& got, const at::Tensor& expected, const std::string& what) {
  EXPECT_TRUE(at::allclose(got.to(at::kDouble), expected, 1e-5, 1e-5)) << what;
}

class ExampleAttentionTest : public ::testing::TestWithParam<Lengths> {
 protected:
  void ExpectDense(int64_t kv_heads, const ScoreRule& rule = {.scale = 0.4}) {
    const Lengths& lengths = GetParam();
    const int64_t tokens = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
    const Inputs in = RandomInputs(tokens, kv_heads);
    const Inputs wide{Wide(in.query_THC), Wide(in.key_TKC), Wide(in.value_TKC)};
    const at::Tensor out_TD = ExampleAttention(in.query_THC, in.key_TKC, in.value_TKC,
                                               ExamplesOf(lengths, at::kCPU), rule);
    const at::Tensor dense_TD =
        DenseAttention(wide.query_THC, wide.key_TKC, wide.value_TKC, lengths, rule);
    ExpectClose(out_TD, dense_TD, "output");
    const at::Tensor pull_TD = at::randn_like(out_TD);
    out_TD.backward(pull_TD);
    dense_TD.backward(pull_TD.to(at::kDouble));
    ExpectClose(in.query_THC.grad(), wide.query_THC.grad(), "gradient of the queries");
    ExpectClose(in.key_TKC.grad(), wide.key_TKC.grad(), "gradient of the keys");
    ExpectClose(in.value_TKC.grad(), wide.value_TKC.grad(), "gradient of the values");
  }
};

TEST_P(ExampleAttentionTest, IsTheDenseOneUnderAMask) { ExpectDense(4); }

TEST_P(ExampleAttentionTest, LetsGroupsOfQueriesShareAKey) { ExpectDense(2); }

TEST_P(ExampleAttentionTest, LetsAllQueriesShareOneKey) { ExpectDense(1); }

TEST_P(ExampleAttentionTest, SeesNoFurtherThanItsWindow) {
  for (const int64_t window : {1, 2, 4, 130}) ExpectDense(2, {.scale = 0.4, .window = window});
}

TEST_P(ExampleAttentionTest, CapsItsScoresSoftly) {
  ExpectDense(2, {.scale = 0.9, .softcap = 0.7});
  ExpectDense(4, {.scale = 0.9, .softcap = 0.7, .window = 3});
}

INSTANTIATE_TEST_SUITE_P(Lengths, ExampleAttentionTest,
                         ::testing::Values(Lengths{9}, Lengths{1, 1, 1}, Lengths{5, 5, 5},
                                           Lengths{3, 5, 5, 1, 2, 5}, Lengths{1, 17, 1},
                                           Lengths{3, 300}),
                         [](const auto& lengths) {
                           std::string name = "Of";
                           for (const int64_t length : lengths.param)
                             name += "_" + std::to_string(length);
                           return name;
                         });

}  // namespace
}  // namespace strata
