// Goal: each term of the estimate is what the shapes say, and moves with what it depends on alone.
// Method: a small base, worked out by hand. What a real worker takes is
// tests/system/memory_test.py's.
#include "coordinator/run/memory_estimate.h"

#include "gtest/gtest.h"
#include "tests/coordinator/run/small_base.h"

namespace strata {
namespace {

class MemoryEstimateTest : public testing::Test {
 protected:
  MemoryEstimate Of(uint32_t rows, bool on_cuda = false) const {
    return EstimateMemory(config_, base_, rows, on_cuda);
  }
  uint64_t PerToken() const { return Of(1).activations_per_row / config_.max_length; }
  Config config_;
  Base base_ = SmallBase(config_);
};

TEST_F(MemoryEstimateTest, ALayerKeepsWhatItsNodesSaveOnceEach) {
  // Two norms' inputs and what comes out of each; queries, keys and values for every head, the
  // output and the join of examples; gate, up and their product; a rank of 16 for seven
  // projections.
  const uint64_t channels = 4 * 256 + 5 * 256 + 3 * 704 + 7 * 16;
  const uint64_t floats = 2 /* inverse rms */ + 8 /* log sums */;
  EXPECT_EQ(PerToken(), 8 * (channels + floats) * 4);
}

TEST_F(MemoryEstimateTest, DropoutAddsAByteForEachChannelThatGoesIn) {
  const uint64_t without = PerToken();
  config_.lora_dropout = 0.1;
  EXPECT_EQ(PerToken(), without + 8 * (6 * 256 + 704));
}

TEST_F(MemoryEstimateTest, AProjectionWithoutAdapterKeepsNothing) {
  const uint64_t all = PerToken();
  base_.target_modules = {"q_proj"};
  // Gate and up's input, the product of the two, six low ranks.
  EXPECT_EQ(all - PerToken(), 8 * (256 + 704 + 6 * 16) * 4);
}

TEST_F(MemoryEstimateTest, HalfTheWidthHalvesWhatIsKeptInIt) {
  const MemoryEstimate wide = Of(4);
  base_.dtype = "bfloat16";
  const MemoryEstimate narrow = Of(4);
  EXPECT_EQ(narrow.weights * 2, wide.weights);
  EXPECT_EQ(narrow.adapter, wide.adapter);
  EXPECT_NEAR(static_cast<double>(narrow.activations) / static_cast<double>(wide.activations), 0.5,
              0.01);
  EXPECT_GT(narrow.kernels, wide.kernels);
}

TEST_F(MemoryEstimateTest, ActivationsGrowWithRowsAndTheRestOfThemDoesNot) {
  const MemoryEstimate one = Of(1), four = Of(4);
  EXPECT_EQ(four.activations, 4 * one.activations);
  EXPECT_EQ(four.weights + four.adapter + four.program, one.weights + one.adapter + one.program);
  EXPECT_GT(four.total(), one.total());
}

TEST_F(MemoryEstimateTest, CheckpointingKeepsTheInputOfEachLayerAndOneLayerAtATime) {
  const MemoryEstimate whole = Of(4);
  config_.gradient_checkpointing = true;
  const MemoryEstimate less = Of(4);
  EXPECT_EQ(less.activations_per_row, 8 * 256 * 4 * 512);
  EXPECT_GE(less.working, whole.activations / 8);
  EXPECT_LT(less.total(), whole.total());
  // Of what is left, more is lost in the heap; on a GPU there is none.
  EXPECT_GT(less.heap_holes * 3, (less.activations + less.working) * 2);
  EXPECT_EQ(Of(4, /*on_cuda=*/true).heap_holes, 0);
}

TEST_F(MemoryEstimateTest, LogitsAreAChunkHoweverManyRowsThereAre) {
  base_.model.vocab_size = 256000;
  const uint64_t two = Of(2).working;
  EXPECT_GE(two, 1024ull * 256000 * 4);
  EXPECT_LT(Of(8).working - two, 100ull << 20);
  base_.model.final_softcap = 30;
  EXPECT_GE(Of(2).working, 1024ull * 256000 * 12);
}

TEST_F(MemoryEstimateTest, TheAdapterHasMastersGradientsAndTwoMoments) {
  const auto elements = static_cast<uint64_t>(base_.layout.elements);
  EXPECT_EQ(Of(1, /*on_cuda=*/true).adapter, elements * 16);
  EXPECT_EQ(Of(1).adapter, elements * 20);
  config_.early_stopping_patience = 2;
  EXPECT_EQ(Of(1).adapter, elements * 24);
}

TEST_F(MemoryEstimateTest, FamiliesDifferInWhatTheyKeep) {
  const uint64_t plain = PerToken();
  base_.model.query_key_norm = true;
  EXPECT_EQ(PerToken(), plain + 8 * (256 + 64 + 8 + 2) * 4);
  base_.model.query_key_norm = false;
  base_.model.output_norms = true;
  EXPECT_EQ(PerToken(), plain + 8 * 2 * (256 + 1) * 4);
  base_.model.output_norms = false;
  base_.model.windows = std::vector<int64_t>(8, 128);
  EXPECT_EQ(PerToken(), plain - 8 * 8 * 4);  // block by block there are no log sums
}

TEST_F(MemoryEstimateTest, AnUntiedHeadIsAWeightMore) {
  const uint64_t tied = Of(1).weights;
  base_.model.tie_word_embeddings = false;
  EXPECT_EQ(Of(1).weights, tied + 2048 * 256 * 4);
}

}  // namespace
}  // namespace strata
