// Goal: the adapter of the least held-out loss is what a stage leaves, and patience counts
// evaluations in a row. Method: losses given by hand, an adapter of two values that names its step.
#include "worker/train/early_stopping.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace strata {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Left {
  uint32_t done = 0;  // steps, when patience ended or all losses were taken in
  uint32_t kept = 0;
  double adapter = 0;  // its step
  std::string reason;
};

// The adapter after step n holds n; it is evaluated after every step.
Left Follow(uint32_t patience, const std::vector<double>& losses, uint32_t planned) {
  EarlyStopping stopping(patience);
  at::Tensor values_N = at::zeros({2}, at::kFloat);
  Left left;
  for (const double loss : losses) {
    values_N.fill_(static_cast<double>(++left.done));
    stopping.Take(loss, left.done, values_N);
    if (stopping.ends_stage()) break;
  }
  left.kept = stopping.Leave(left.done, planned, values_N, &left.reason);
  left.adapter = values_N[1].item<double>();
  return left;
}

TEST(EarlyStoppingTest, EndsWhenPatienceIsSpentAndGoesBackToTheBest) {
  const Left left = Follow(2, {3, 2, 2.5, 2.1, 1}, 9);
  EXPECT_EQ(left.done, 4u);
  EXPECT_EQ(left.kept, 2u);
  EXPECT_EQ(left.adapter, 2);
  EXPECT_THAT(left.reason, AllOf(HasSubstr("stopped early after 4 of 9 updates"),
                                 HasSubstr("2 evaluations in a row"), HasSubstr("update 2"),
                                 HasSubstr("the least: 2")));
}

TEST(EarlyStoppingTest, OnlyEvaluationsInARowCount) {
  EXPECT_EQ(Follow(2, {3, 4, 2, 3, 1, 2, 0.5}, 7).done, 7u);
}

TEST(EarlyStoppingTest, AnEqualLossIsNoBetterOne) {
  const Left left = Follow(1, {3, 3, 2}, 9);
  EXPECT_EQ(left.done, 2u);
  EXPECT_EQ(left.kept, 1u);
}

TEST(EarlyStoppingTest, AStageThatDidAllItsUpdatesLeavesTheBestToo) {
  const Left left = Follow(5, {3, 1, 2}, 3);
  EXPECT_EQ(left.kept, 2u);
  EXPECT_EQ(left.adapter, 2);
  EXPECT_THAT(left.reason, AllOf(HasSubstr("all 3 updates were done"), HasSubstr("update 2")));
}

TEST(EarlyStoppingTest, TheLastIsLeftWhenItIsTheBest) {
  const Left left = Follow(2, {3, 2, 1}, 3);
  EXPECT_EQ(left.kept, 3u);
  EXPECT_EQ(left.adapter, 3);
  EXPECT_EQ(left.reason, "");
}

TEST(EarlyStoppingTest, WithoutPatienceNothingIsTakenBack) {
  const Left left = Follow(0, {1, 2, 3, 4}, 4);
  EXPECT_EQ(left.kept, 4u);
  EXPECT_EQ(left.adapter, 4);
  EXPECT_EQ(left.reason, "");
}

TEST(EarlyStoppingTest, ALossThatIsNotFiniteIsNeverTheBest) {
  const Left left = Follow(3, {std::nan(""), 2, HUGE_VAL, std::nan("")}, 4);
  EXPECT_EQ(left.kept, 2u);
  const Left none = Follow(2, {std::nan(""), std::nan("")}, 4);
  EXPECT_EQ(none.kept, 2u) << "there is no better one to go back to";
  EXPECT_EQ(none.adapter, 2);
  EXPECT_THAT(none.reason, HasSubstr("stopped early after 2 of 4"));
}

}  // namespace
}  // namespace strata
