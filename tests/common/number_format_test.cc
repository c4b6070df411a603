// Goal: fp32 becomes bfloat16 and float16 by one rounding to the nearest, ties to even. Method:
// every number of the format, every midpoint between two neighbours and the fp32 beside it, against
// rounding by double arithmetic.
#include "common/number_format.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace strata {
namespace {

// Of a format with `fraction` bits of fraction, whose smallest normal number is 2^least and whose
// numbers end below 2^end.
struct Shape {
  int fraction, least, end;
};
constexpr Shape kBfloat16Shape{7, -126, 128};
constexpr Shape kFloat16Shape{10, -14, 16};

double Rounded(double value, const Shape& shape) {
  if (!std::isfinite(value) || value == 0) return value;
  const double ulp = std::ldexp(1.0, std::max(std::ilogb(value), shape.least) - shape.fraction);
  const double rounded = std::nearbyint(value / ulp) * ulp;
  const bool fits = std::abs(rounded) < std::ldexp(1.0, shape.end);
  return fits ? rounded : std::copysign(std::numeric_limits<double>::infinity(), value);
}

double Decoded(uint32_t bits, const Shape& shape) {
  const uint32_t fraction = bits & ((1u << shape.fraction) - 1);
  const int exponent = static_cast<int>((bits & 0x7fff) >> shape.fraction);
  const double magnitude = exponent == 0 ? std::ldexp(fraction, shape.least - shape.fraction)
                                         : std::ldexp(fraction + (1u << shape.fraction),
                                                      shape.least + exponent - 1 - shape.fraction);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

template <typename Format>
void ExpectRounds(float value, const Shape& shape) {
  const float got = Format::ToFloat(Format::FromFloat(value));
  ASSERT_EQ(got, Rounded(value, shape)) << value;
  ASSERT_EQ(std::signbit(got), std::signbit(value)) << value;
}

template <typename Format>
void ExpectEveryNumber(const Shape& shape) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    if ((bits & Format::kInfinity) == Format::kInfinity) continue;
    const auto number = static_cast<typename Format::Bits>(bits);
    const float value = Format::ToFloat(number);
    ASSERT_EQ(value, Decoded(bits, shape)) << bits;
    ASSERT_EQ(Format::FromFloat(value), number);
    const double next = (bits & 0x7fff) + 1u == Format::kInfinity
                            ? std::copysign(std::ldexp(1.0, shape.end), value)
                            : Decoded(bits + 1, shape);
    const auto middle = static_cast<float>((value + next) / 2);
    ExpectRounds<Format>(middle, shape);
    ExpectRounds<Format>(std::nextafter(middle, 0.0f), shape);
    ExpectRounds<Format>(std::nextafter(middle, std::copysign(INFINITY, value)), shape);
  }
}

template <typename Format>
void ExpectNotFiniteStays() {
  for (const float sign : {1.0f, -1.0f}) {
    EXPECT_EQ(Format::ToFloat(Format::FromFloat(sign * INFINITY)), sign * INFINITY);
    EXPECT_TRUE(std::isnan(Format::ToFloat(Format::FromFloat(std::copysign(NAN, sign)))));
  }
  // A NaN whose fraction lies in the bits that are cut off.
  const float low = std::bit_cast<float>(Float32::kInfinity | 1);
  EXPECT_TRUE(std::isnan(Format::ToFloat(Format::FromFloat(low))));
}

TEST(NumberFormatTest, Bfloat16RoundsToTheNearestAndTiesToEven) {
  ExpectEveryNumber<Bfloat16>(kBfloat16Shape);
}

TEST(NumberFormatTest, Float16RoundsToTheNearestAndTiesToEven) {
  ExpectEveryNumber<Float16>(kFloat16Shape);
}

TEST(NumberFormatTest, WhatIsNotFiniteStaysSo) {
  ExpectNotFiniteStays<Bfloat16>();
  ExpectNotFiniteStays<Float16>();
}

TEST(NumberFormatTest, WhatIsTooLargeBecomesInfinite) {
  EXPECT_EQ(Float16::ToFloat(Float16::FromFloat(65519.0f)), 65504.0f);
  EXPECT_EQ(Float16::ToFloat(Float16::FromFloat(65520.0f)), INFINITY);
  EXPECT_EQ(Float16::ToFloat(Float16::FromFloat(-1e30f)), -INFINITY);
  EXPECT_EQ(Bfloat16::ToFloat(Bfloat16::FromFloat(3.4e38f)), INFINITY);
}

TEST(NumberFormatTest, OtherKindsHaveNoFormat) {
  EXPECT_EQ(NumberFormatOf("BF16"), NumberFormat::kBfloat16);
  EXPECT_EQ(NumberFormatOf("F8_E4M3"), std::nullopt);
  EXPECT_EQ(NumberFormatOf("F64"), std::nullopt);
  EXPECT_EQ(NumberFormatOf(""), std::nullopt);
}

}  // namespace
}  // namespace strata
