// Goal: what a sequence gets from its cache, beside any others, is what a pass over all of it
// gives. Method: a tiny decoder with grouped heads and an adapter; logits token by token against
// those of whole sequences, and against the loss, whose truth tests/worker/parity shows.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/tiny_model.h"
#include "worker/model/decoder.h"
#include "worker/train/micro_batch.h"

namespace strata {
namespace {

using namespace testing;  // strata::testing: tiny models

class DecoderLogitsTest : public ::testing::Test {
 protected:
  DecoderLogitsTest() : adapter_(TinyLayout(TinyConfig()), at::kCPU) {
    adapter_.Load(KeyedValues(5, TinyLayout(TinyConfig()).elements, 0.3f));
  }

  static std::vector<int64_t> Ids(uint64_t key, int64_t count) {
    return TinyRow(key, 0, {count}).ids;
  }

  // Of the token that follows `ids`, [1, V].
  at::Tensor Whole(const std::vector<int64_t>& ids, const std::vector<at::Tensor>& adapter) const {
    const auto cache = decoder_.NewCache();
    return decoder_.Logits({{ids, cache.get()}}, adapter);
  }

  void ExpectNear(const at::Tensor& logits, const at::Tensor& expected, const std::string& what) {
    EXPECT_LT((logits - expected).abs().max().item<float>(), 2e-5) << what;
  }

  const c10::NoGradGuard no_grad_;
  const Decoder decoder_{TinyConfig(), TinyLora(0), TinyWeights(TinyConfig()), at::kFloat,
                         at::kCPU};
  FlatAdapter adapter_;
};

TEST_F(DecoderLogitsTest, TokenByTokenIsTheWholePass) {
  for (const std::vector<at::Tensor>& adapter : {adapter_.leaves(), std::vector<at::Tensor>{}}) {
    for (const int64_t prompt : {1, 2, 7, 64, 65, 130}) {
      std::vector<int64_t> ids = Ids(prompt, prompt + 9);
      const auto cache = decoder_.NewCache();
      std::vector<int64_t> so_far(ids.begin(), ids.begin() + prompt), added = so_far;
      for (int64_t t = prompt; t < prompt + 9; ++t) {
        const at::Tensor logits = decoder_.Logits({{added, cache.get()}}, adapter);
        ExpectNear(logits, Whole(so_far, adapter),
                   std::to_string(prompt) + " tokens, then " + std::to_string(t - prompt));
        added = {ids[t]};
        so_far.push_back(ids[t]);
      }
    }
  }
}

TEST_F(DecoderLogitsTest, SequencesBesideOneAnotherDoNotMeet) {
  const std::vector<std::vector<int64_t>> ids = {Ids(1, 12), Ids(2, 3), Ids(3, 70)};
  const auto first = decoder_.NewCache(), second = decoder_.NewCache(), third = decoder_.NewCache();
  decoder_.Logits({{{ids[0].begin(), ids[0].end() - 1}, first.get()},
                   {{ids[1].begin(), ids[1].end() - 1}, second.get()}},
                  adapter_.leaves());
  // Two go on while a third begins.
  const at::Tensor logits = decoder_.Logits(
      {{{ids[0].back()}, first.get()}, {ids[2], third.get()}, {{ids[1].back()}, second.get()}},
      adapter_.leaves());
  ASSERT_EQ(logits.sizes(), (std::vector<int64_t>{3, TinyConfig().vocab_size}));
  ExpectNear(logits[0], Whole(ids[0], adapter_.leaves())[0], "the first");
  ExpectNear(logits[1], Whole(ids[2], adapter_.leaves())[0], "the third");
  ExpectNear(logits[2], Whole(ids[1], adapter_.leaves())[0], "the second");
}

TEST_F(DecoderLogitsTest, TheirSoftmaxIsTheLoss) {
  TrainingRow row = TinyRow(3, 0, {20});
  row.supervised = {{19, 20}};
  const double loss =
      decoder_.NllSum(MicroBatches({row}, 1)[0], adapter_.leaves(), std::nullopt).item<double>();
  const at::Tensor logits =
      Whole({row.ids.begin(), row.ids.end() - 1}, adapter_.leaves()).to(at::kDouble);
  EXPECT_NEAR(-at::log_softmax(logits, 1)[0][row.ids.back()].item<double>(), loss, 1e-5);
}

TEST_F(DecoderLogitsTest, TheAdapterCounts) {
  const std::vector<int64_t> ids = Ids(3, 20);
  EXPECT_GT((Whole(ids, adapter_.leaves()) - Whole(ids, {})).abs().max().item<float>(), 0.01);
}

TEST_F(DecoderLogitsTest, MoreThanOneTokenOntoACacheIsRefused) {
  const auto cache = decoder_.NewCache();
  decoder_.Logits({{{1, 2}, cache.get()}}, {});
  EXPECT_THROW(decoder_.Logits({{{3, 4}, cache.get()}}, {}), std::invalid_argument);
}

TEST_F(DecoderLogitsTest, ASequenceWithoutANewTokenIsRefused) {
  const auto cache = decoder_.NewCache();
  EXPECT_THROW(decoder_.Logits({{{}, cache.get()}}, {}), std::invalid_argument);
}

}  // namespace
}  // namespace strata
