// Goal: NEFTune's noise is uniform within alpha / √(L · D) of each example, and depends on nothing
// but the step's key and a token's place. Method: moments over many draws; the same tokens packed
// otherwise.
//
// Shapes: T tokens, D channels.
#include "worker/model/embedding_noise.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace strata {
namespace {

constexpr int64_t kChannels = 54;  // not a multiple of a counter's four

// Examples of these lengths in one row.
PackedTokens Packed(const std::vector<int64_t>& lengths, uint32_t row) {
  PackedTokens tokens;
  tokens.example_lengths = lengths;
  uint32_t position = 0;
  for (const int64_t length : lengths)
    for (int64_t t = 0; t < length; ++t) tokens.places.push_back({row, position++});
  return tokens;
}

TEST(EmbeddingNoiseTest, IsUniformWithinTheBoundOfItsExample) {
  const at::Tensor noise_TD = EmbeddingNoise(7, 5, Packed({400, 25}, 0), kChannels);
  for (const auto& [begin, length] : {std::pair<int64_t, int64_t>{0, 400}, {400, 25}}) {
    const double bound = 5 / std::sqrt(static_cast<double>(length * kChannels));
    const at::Tensor own_TD = noise_TD.narrow(0, begin, length).to(at::kDouble) / bound;
    EXPECT_LE(own_TD.abs().max().item<double>(), 1);
    EXPECT_GT(own_TD.abs().max().item<double>(), 0.99);
    EXPECT_NEAR(own_TD.mean().item<double>(), 0, 0.05);
    EXPECT_NEAR(own_TD.square().mean().item<double>(), 1.0 / 3, 0.02);
  }
}

TEST(EmbeddingNoiseTest, IsTheSameInWhicheverMicroBatch) {
  const PackedTokens both = [] {
    PackedTokens tokens = Packed({9}, 3);
    const PackedTokens other = Packed({9}, 4);
    tokens.places.insert(tokens.places.end(), other.places.begin(), other.places.end());
    tokens.example_lengths.push_back(9);
    return tokens;
  }();
  const at::Tensor together_TD = EmbeddingNoise(7, 5, both, kChannels);
  EXPECT_TRUE(
      at::equal(together_TD.narrow(0, 9, 9), EmbeddingNoise(7, 5, Packed({9}, 4), kChannels)));
}

TEST(EmbeddingNoiseTest, DiffersByKeyRowAndPosition) {
  const at::Tensor noise_TD = EmbeddingNoise(7, 5, Packed({9}, 3), kChannels);
  EXPECT_FALSE(at::equal(noise_TD, EmbeddingNoise(8, 5, Packed({9}, 3), kChannels)));
  EXPECT_FALSE(at::equal(noise_TD, EmbeddingNoise(7, 5, Packed({9}, 4), kChannels)));
  EXPECT_FALSE(at::equal(noise_TD[0], noise_TD[1]));
}

}  // namespace
}  // namespace strata
