// Goal: tokens are picked as transformers picks them, and a draw depends on its key alone. Method:
// small tables of logits worked out by hand; frequencies of many keyed draws against the softmax.
#include "worker/generate/token_picker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace strata {
namespace {

using testing::ElementsAre;
using testing::FloatEq;

const std::vector<float> kLogits = {0.5f, 2.0f, -1.0f, 1.5f, 0.0f};
constexpr uint32_t kDraws = 40'000;

// How often each id comes in kDraws draws.
std::vector<double> Shares(const Sampling& sampling, const std::vector<float>& logits = kLogits) {
  std::vector<double> shares(logits.size());
  for (uint32_t i = 0; i < kDraws; ++i) ++shares[PickToken(logits, sampling, {i % 7, i / 7})];
  for (double& share : shares) share /= kDraws;
  return shares;
}

// The softmax of kLogits / temperature over `kept`, 0 elsewhere.
std::vector<double> Softmax(double temperature, const std::vector<size_t>& kept) {
  std::vector<double> shares(kLogits.size());
  double sum = 0;
  for (const size_t id : kept) sum += std::exp(kLogits[id] / temperature);
  for (const size_t id : kept) shares[id] = std::exp(kLogits[id] / temperature) / sum;
  return shares;
}

// Within five standard errors of a share, and never where it is 0.
void ExpectShares(const Sampling& sampling, const std::vector<double>& expected) {
  const std::vector<double> shares = Shares(sampling);
  for (size_t id = 0; id < shares.size(); ++id) {
    const double error = std::sqrt(expected[id] * (1 - expected[id]) / kDraws);
    EXPECT_NEAR(shares[id], expected[id], 5 * error) << "id " << id;
  }
}

TEST(PickTokenTest, Temperature0TakesTheFirstOfTheLargest) {
  EXPECT_EQ(PickToken(kLogits, {}, {}), 1);
  EXPECT_EQ(PickToken(std::vector<float>{1, 3, 3, 2}, {}, {}), 1);
}

TEST(PickTokenTest, DrawsFollowTheSoftmaxOfEachTemperature) {
  for (const double temperature : {0.5, 1.0, 3.0})
    ExpectShares({.temperature = temperature}, Softmax(temperature, {0, 1, 2, 3, 4}));
}

TEST(PickTokenTest, TopKDrawsAmongTheLikeliest) {
  ExpectShares({.temperature = 1, .top_k = 2}, Softmax(1, {1, 3}));
  ExpectShares({.temperature = 2, .top_k = 99}, Softmax(2, {0, 1, 2, 3, 4}));
}

TEST(PickTokenTest, TopK1IsGreedyAtAnyTemperature) {
  for (uint32_t i = 0; i < 1000; ++i)
    ASSERT_EQ(PickToken(kLogits, {.temperature = 50, .top_k = 1}, {0, i}), 1);
}

TEST(PickTokenTest, OfEqualLogitsTopKKeepsTheFirst) {
  const std::vector<double> shares = Shares({.temperature = 1, .top_k = 2}, {1, 5, 5, 5, 1});
  EXPECT_EQ(shares[1] + shares[2], 1);
}

// The softmax gives 1 the share .496, 3 the next, .301, then 0 .111.
TEST(PickTokenTest, TopPCutsBehindTheTokenThatReachesTheShare) {
  ExpectShares({.temperature = 1, .top_p = 0.49}, Softmax(1, {1}));
  ExpectShares({.temperature = 1, .top_p = 0.50}, Softmax(1, {1, 3}));
  ExpectShares({.temperature = 1, .top_p = 0.79}, Softmax(1, {1, 3}));
  ExpectShares({.temperature = 1, .top_p = 0.80}, Softmax(1, {1, 3, 0}));
  ExpectShares({.temperature = 1, .top_p = 1e-9}, Softmax(1, {1}));
}

TEST(PickTokenTest, TopPIsAShareOfWhatTopKLeaves) {
  // Of 1 and 3 alone, 1 has .622.
  ExpectShares({.temperature = 1, .top_k = 2, .top_p = 0.6}, Softmax(1, {1}));
  ExpectShares({.temperature = 1, .top_k = 2, .top_p = 0.63}, Softmax(1, {1, 3}));
}

TEST(PickTokenTest, TheSameKeyDrawsTheSameAndAnotherAnother) {
  const auto draws = [](uint64_t seed, uint32_t prompt) {
    std::vector<int64_t> ids;
    for (uint32_t i = 0; i < 50; ++i)
      ids.push_back(PickToken(kLogits, {.temperature = 1, .seed = seed}, {prompt, i}));
    return ids;
  };
  EXPECT_EQ(draws(1, 0), draws(1, 0));
  EXPECT_NE(draws(1, 0), draws(2, 0));
  EXPECT_NE(draws(1, 0), draws(1, 1));
}

TEST(PickTokenTest, ATokenThatCannotBeIsNeverDrawn) {
  const float never = -HUGE_VALF;
  EXPECT_EQ(Shares({.temperature = 1}, {never, 0, never, never, never})[1], 1);
}

TEST(PickTokenTest, LogitsThatAreNoNumbersAreRefused) {
  for (const float bad : {NAN, HUGE_VALF}) {
    EXPECT_THROW(PickToken(std::vector<float>{1, bad}, {}, {}), std::runtime_error);
    EXPECT_THROW(PickToken(std::vector<float>{bad, 1}, {.temperature = 1}, {}), std::runtime_error);
  }
  EXPECT_THROW(PickToken(std::vector<float>{-HUGE_VALF, -HUGE_VALF}, {}, {}), std::runtime_error);
}

TEST(PenaliseRepetitionTest, WhatWasMetIsMadeLessLikelyAndNothingElse) {
  std::vector<float> logits = {2, -1, 0, 3};
  PenaliseRepetition(logits, {0, 1, 2, 99, -1}, 1.25);
  EXPECT_THAT(logits, ElementsAre(FloatEq(1.6f), FloatEq(-1.25f), FloatEq(0), FloatEq(3)));
}

TEST(PenaliseRepetitionTest, Of1ChangesNothing) {
  std::vector<float> logits = {2, -1};
  PenaliseRepetition(logits, {0, 1}, 1);
  EXPECT_THAT(logits, ElementsAre(2, -1));
}

}  // namespace
}  // namespace strata
