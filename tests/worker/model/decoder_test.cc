// Goal: packing changes nothing and a wrong model is refused. Method: losses of packed rows against
// those of their examples alone, on a tiny decoder. That the loss itself is right is shown by
// tests/worker/parity.
#include "worker/model/decoder.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/tiny_model.h"
#include "worker/train/micro_batch.h"

namespace strata {
namespace {

using namespace testing;  // strata::testing: tiny models

class DecoderTest : public ::testing::Test {
 protected:
  DecoderTest() : adapter_(TinyLayout(TinyConfig()), at::kCPU) {
    adapter_.Load(KeyedValues(5, TinyLayout(TinyConfig()).elements, 0.3f));
  }

  Decoder Make(at::ScalarType compute) {
    const ModelConfig config = TinyConfig();
    return Decoder(config, TinyLora(0), TinyWeights(config), compute, at::kCPU);
  }

  double Loss(const Decoder& decoder, const TrainingRow& row) {
    const c10::NoGradGuard no_grad;
    return decoder.NllSum(MicroBatches({row}, 1)[0], adapter_.leaves(), std::nullopt)
        .item<double>();
  }

  // The example of the row that begins at token `begin`, as a row of its own.
  static TrainingRow Alone(const TrainingRow& row, int64_t begin, int64_t length) {
    TrainingRow alone;
    alone.ids = {row.ids.begin() + begin, row.ids.begin() + begin + length};
    alone.example_lengths = {length};
    alone.supervised = {{2, length}};
    return alone;
  }

  FlatAdapter adapter_;
};

TEST_F(DecoderTest, GivesPackedExamplesTheLossTheyHaveAlone) {
  const Decoder decoder = Make(at::kFloat);
  const TrainingRow row = TinyRow(3, 0, {6, 11, 11, 30, 4});
  double sum = 0;
  int64_t begin = 0;
  for (const int64_t length : row.example_lengths) {
    sum += Loss(decoder, Alone(row, begin, length));
    begin += length;
  }
  EXPECT_NEAR(Loss(decoder, row) / sum, 1, 1e-5);
}

TEST_F(DecoderTest, NeverLetsAnExampleSeeItsNeighbours) {
  const Decoder decoder = Make(at::kFloat);
  TrainingRow row = TinyRow(3, 0, {8, 10});
  row.supervised = {{10, 18}};
  const double before = Loss(decoder, row);
  for (int64_t t = 0; t < 8; ++t) row.ids[t] = (row.ids[t] + 1) % TinyConfig().vocab_size;
  EXPECT_DOUBLE_EQ(Loss(decoder, row), before);
}

TEST_F(DecoderTest, IsTheBaseWhenTheAdaptersBAreZero) {
  const Decoder decoder = Make(at::kFloat);
  const TrainingRow row = TinyRow(3, 0, {20});
  FlatAdapter zero(TinyLayout(TinyConfig()), at::kCPU);
  const PackedTokens tokens = MicroBatches({row}, 1)[0];
  EXPECT_DOUBLE_EQ(decoder.NllSum(tokens, zero.leaves(), std::nullopt).item<double>(),
                   decoder.NllSum(tokens, {}, std::nullopt).item<double>());
}

TEST_F(DecoderTest, NamesTheWeightOfAWrongShape) {
  const ModelConfig config = TinyConfig();
  VectorWeights weights = TinyWeights(config);
  weights.Put("model.layers.1.mlp.up_proj.weight", {2, 2}, {1, 2, 3, 4});
  try {
    Decoder(config, TinyLora(0), weights, at::kFloat, at::kCPU);
    FAIL() << "a wrong shape was taken";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("model.layers.1.mlp.up_proj.weight"));
  }
}

}  // namespace
}  // namespace strata
