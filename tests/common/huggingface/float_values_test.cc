// Goal: each value in half precision becomes the fp32 value that it is. Method: every one of the
// 65536 bit patterns, against the definition of its format.
#include "common/huggingface/float_values.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"

namespace strata {
namespace {

class FloatValuesTest : public testing::Test {
 protected:
  FloatValuesTest() {
    for (uint32_t bits = 0; bits < patterns_.size(); ++bits)
      patterns_[bits] = static_cast<uint16_t>(bits);
  }
  std::vector<float> Widened(const char* dtype) const {
    std::vector<float> values(patterns_.size());
    WidenToFloat({"x", dtype, {1, 65536}, patterns_.data(), 2 * patterns_.size()}, values.data());
    return values;
  }
  std::vector<uint16_t> patterns_ = std::vector<uint16_t>(65536);
};

TEST_F(FloatValuesTest, EveryFloat16IsItsSignFractionAndPowerOfTwo) {
  const std::vector<float> values = Widened("F16");
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const uint32_t exponent = (bits >> 10) & 31, fraction = bits & 1023;
    EXPECT_EQ(std::signbit(values[bits]), (bits >> 15) != 0) << bits;
    if (exponent == 31) {
      EXPECT_EQ(std::isnan(values[bits]), fraction != 0) << bits;
      EXPECT_EQ(std::isinf(values[bits]), fraction == 0) << bits;
      continue;
    }
    const double expected = exponent == 0
                                ? fraction * std::pow(2, -24)
                                : (1 + fraction / 1024.0) * std::pow(2, double(exponent) - 15);
    EXPECT_EQ(std::abs(static_cast<double>(values[bits])), expected) << bits;
  }
}

TEST_F(FloatValuesTest, EveryBfloat16IsTheUpperHalfOfAFloat) {
  const std::vector<float> values = Widened("BF16");
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    uint32_t wide = 0;
    std::memcpy(&wide, &values[bits], sizeof wide);
    EXPECT_EQ(wide, bits << 16);
  }
}

// Found by tests/fuzz: of a tensor with a dimension of 0, whose place may be null.
TEST_F(FloatValuesTest, OfNothingNothingIsTouched) {
  for (const char* dtype : {"F32", "BF16", "F16"}) WidenToFloat({"x", dtype, {0, 4}}, nullptr);
}

TEST_F(FloatValuesTest, FloatsAreTakenAsTheyAre) {
  const float from[3] = {1.5f, -0.0f, 1e-40f};
  float to[3] = {};
  WidenToFloat({"x", "F32", {3}, from, sizeof from}, to);
  EXPECT_EQ(std::memcmp(from, to, sizeof from), 0);
}

TEST_F(FloatValuesTest, OnlyWhatAFloatHoldsExactlyIsTaken) {
  for (const char* dtype : {"F32", "BF16", "F16"}) EXPECT_TRUE(IsWidened(dtype));
  for (const char* dtype : {"F64", "I32", "F8_E4M3", ""}) EXPECT_FALSE(IsWidened(dtype));
}

}  // namespace
}  // namespace strata
