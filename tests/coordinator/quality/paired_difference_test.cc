// Goal: the interval covers what it should. Method: constant and symmetric differences, the normal
// approximation for many, and how often the interval of random samples holds the true mean.
#include "coordinator/quality/paired_difference.h"

#include <cmath>

#include "common/keyed_random.h"
#include "gtest/gtest.h"

namespace strata {
namespace {

std::vector<double> UniformSample(size_t count, uint32_t which) {
  std::vector<double> values;
  for (uint32_t i = 0; i < count; ++i)
    values.push_back(UnitFloat(Philox({i, which, 0, 0}, PhiloxKeyOf(7))[0]));
  return values;
}

TEST(PairedDifferenceTest, EqualDifferencesHaveNoSpread) {
  const PairedDifference same = Bootstrap({0.25, 0.25, 0.25}, 1);
  EXPECT_EQ(same.mean, 0.25);
  EXPECT_EQ(same.low, 0.25);
  EXPECT_EQ(same.high, 0.25);
  EXPECT_TRUE(same.excludes_zero());
}

TEST(PairedDifferenceTest, NoiseAroundZeroIncludesZero) {
  EXPECT_FALSE(Bootstrap({1, -1, 1, -1, 1, -1}, 1).excludes_zero());
  EXPECT_FALSE(Bootstrap({0}, 1).excludes_zero());
  EXPECT_TRUE(Bootstrap({-1, -2, -1, -3}, 1).excludes_zero());
}

TEST(PairedDifferenceTest, AgreesWithTheNormalApproximationForMany) {
  const std::vector<double> values = UniformSample(400, 0);
  const PairedDifference interval = Bootstrap(values, 3);
  double squares = 0;
  for (const double value : values) squares += std::pow(value - interval.mean, 2);
  const double half = 1.96 * std::sqrt(squares) / 400;
  EXPECT_NEAR(interval.low, interval.mean - half, 0.05 * half);
  EXPECT_NEAR(interval.high, interval.mean + half, 0.05 * half);
}

TEST(PairedDifferenceTest, HoldsTheTrueMeanNineteenTimesOfTwenty) {
  int held = 0;
  for (uint32_t which = 1; which <= 200; ++which) {
    const PairedDifference interval = Bootstrap(UniformSample(40, which), which);
    held += interval.low <= 0.5 && interval.high >= 0.5;
  }
  EXPECT_GE(held, 180);
  EXPECT_LE(held, 199);
}

TEST(PairedDifferenceTest, IsTheSameForTheSameSeedAndNotForAnother) {
  const std::vector<double> values = UniformSample(30, 0);
  const PairedDifference first = Bootstrap(values, 5), other = Bootstrap(values, 6);
  EXPECT_EQ(first.low, Bootstrap(values, 5).low);
  EXPECT_EQ(first.high, Bootstrap(values, 5).high);
  EXPECT_EQ(first.mean, other.mean);
  EXPECT_NE(first.low, other.low);
  EXPECT_NE(first.high, other.high);
}

}  // namespace
}  // namespace strata
