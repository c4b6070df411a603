// Goal: an update is scaled by alpha / r or alpha / √r, as the user asks. Method: values by hand.
#include "common/lora_scale.h"

#include <cmath>

#include "gtest/gtest.h"

namespace strata {
namespace {

TEST(LoraScaleTest, PlainLoraKeepsItsAlpha) { EXPECT_EQ(PlainAlpha(16, 8, false), 16); }

TEST(LoraScaleTest, RsLoraScalesByTheRootOfTheRank) {
  EXPECT_EQ(PlainAlpha(16, 16, true), 64);
  EXPECT_DOUBLE_EQ(PlainAlpha(16, 8, true) / 8, 16 / std::sqrt(8.0));
}

TEST(LoraScaleTest, TheSameScaleIsSeenThroughRoundingAndAnotherIsNot) {
  EXPECT_TRUE(IsSameAlpha(PlainAlpha(16, 8, true), 16 * 2.8284271247461903));
  EXPECT_FALSE(IsSameAlpha(16, 16.001));
  EXPECT_FALSE(IsSameAlpha(16, std::nan("")));
}

}  // namespace
}  // namespace strata
