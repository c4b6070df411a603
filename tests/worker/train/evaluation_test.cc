// Goal: held-out losses are sums over supervised tokens, without dropout. Method: a tiny decoder
// with dropout switched on, measured twice and in other micro-batches.
#include "worker/train/evaluation.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/worker/tiny_model.h"
#include "worker/train/split_sum.h"

namespace strata {
namespace {

using namespace testing;  // strata::testing: tiny models

Evaluation Measure(double dropout, uint32_t micro_batch_size) {
  const ModelConfig config = TinyConfig();
  Decoder decoder(config, TinyLora(dropout), TinyWeights(config), at::kFloat, at::kCPU);
  FlatAdapter adapter(TinyLayout(config), at::kCPU);
  adapter.Load(KeyedValues(5, TinyLayout(config).elements, 0.3f));
  OneRank alone;
  FunctionSource source([](StagePosition at) { return TinyStep(at.step, 0); });
  return EvaluateStage(4, micro_batch_size, {decoder, adapter, source, alone},
                       [&](uint32_t step) { return source.Fetch({0, 0, step}); });
}

TEST(EvaluationTest, CountsSupervisedTokens) {
  EXPECT_EQ(Measure(0, 1).tokens, 4 * TinyStep(0, 0).step_supervised_tokens);
}

TEST(EvaluationTest, DropsNothingOut) {
  EXPECT_EQ(Measure(0.5, 1).loss_sum, Measure(0, 1).loss_sum);
}

TEST(EvaluationTest, IsTheSameForAnyMicroBatch) {
  EXPECT_NEAR(Measure(0, 3).loss_sum / Measure(0, 1).loss_sum, 1, 1e-6);
}

TEST(SplitSumTest, CarriesMoreThanAFloat) {
  EXPECT_DOUBLE_EQ(Joined(Split(123456.789012)), 123456.789012);
  EXPECT_EQ(JoinedCount(SplitCount((int64_t{1} << 34) + 12345)), (int64_t{1} << 34) + 12345);
}

}  // namespace
}  // namespace strata
