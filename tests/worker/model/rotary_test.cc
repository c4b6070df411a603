// Goal: queries and keys turn by their positions as each kind of scaling has it. Method: the
// rotation as a product of complex numbers in fp64, under autograd; the scalings by what they leave
// alone and what they slow down.
//
// Shapes: T tokens, H heads, C channels of a head, of which the first R turn.
#include "worker/model/rotary.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/worker/model/closeness.h"

namespace strata {
namespace {

using namespace testing;  // strata::testing

RopeConfig Rope(double theta) {
  RopeConfig rope;
  rope.theta = theta;
  return rope;
}

// exp(i · position / theta^(2c / R)), [T, 1, R / 2].
at::Tensor Turns(const std::vector<double>& positions, int64_t channels, double theta) {
  const at::Tensor powers_R = at::arange(0, channels, 2, at::kDouble) / channels;
  const at::Tensor angles_TR =
      at::tensor(positions, at::kDouble).unsqueeze(1) * at::exp(-powers_R * std::log(theta));
  return at::complex(angles_TR.cos(), angles_TR.sin()).unsqueeze(1);
}

// The first `channels` turned, the others as they are.
at::Tensor PlainRotation(const at::Tensor& x_THC, const std::vector<double>& positions,
                         int64_t channels, double theta) {
  const int64_t half = channels / 2;
  const at::Tensor pairs_THR = at::complex(x_THC.narrow(-1, 0, half), x_THC.narrow(-1, half, half));
  const at::Tensor turned_THR = pairs_THR * Turns(positions, channels, theta);
  return at::cat({at::real(turned_THR), at::imag(turned_THR),
                  x_THC.narrow(-1, channels, x_THC.size(-1) - channels)},
                 -1);
}

void ExpectRotation(int64_t channels) {
  at::manual_seed(6);
  const std::vector<PositionSpan> spans = {{0, 3}, {0, 2}, {40, 1}, {500, 1}};
  const std::vector<double> positions = {0, 1, 2, 0, 1, 40, 500};
  RopeConfig rope = Rope(5000);
  rope.channels = channels;
  const at::Tensor narrow = Leaf(at::randn({7, 3, 10}), at::kFloat),
                   wide = Leaf(narrow, at::kDouble);
  const at::Tensor got = Rotated(narrow, AnglesAt(spans, rope, 10, narrow));
  const at::Tensor expected = PlainRotation(wide, positions, channels, 5000);
  ExpectClose(got, expected);
  const at::Tensor pull = at::randn_like(got);
  got.backward(pull);
  expected.backward(pull.to(at::kDouble));
  ExpectClose(narrow.grad(), wide.grad());
}

TEST(RotationTest, TurnsChannelsByPairsHalfAHeadApart) { ExpectRotation(10); }

TEST(RotationTest, LeavesTheChannelsThatDoNotTurn) { ExpectRotation(6); }

TEST(RotationTest, LeavesTheFirstPositionAsItIs) {
  const at::Tensor x_THC = at::randn({1, 2, 8});
  EXPECT_TRUE(at::equal(Rotated(x_THC, AnglesAt({{0, 1}}, Rope(1e4), 8, x_THC)), x_THC));
}

TEST(RotationTest, ComputesAnglesInFloat32WhateverItGives) {
  const std::vector<PositionSpan> at = {{1001, 1}};  // no bfloat16 holds it
  const RotaryAngles wide = AnglesAt(at, Rope(1e4), 8, at::empty({0}, at::kFloat));
  const RotaryAngles narrow = AnglesAt(at, Rope(1e4), 8, at::empty({0}, at::kBFloat16));
  EXPECT_TRUE(at::equal(narrow.cos_TR, wide.cos_TR.to(at::kBFloat16)));
  EXPECT_TRUE(at::equal(narrow.sin_TR, wide.sin_TR.to(at::kBFloat16)));
}

// The angles of position 1: the frequencies themselves, small enough to be read off the sine.
at::Tensor Frequencies(const RopeConfig& rope, int64_t length = 2) {
  const RotaryAngles angles = AnglesAt({{0, length}}, rope, 64, at::empty({0}, at::kFloat));
  return at::atan2(angles.sin_TR[1], angles.cos_TR[1]);
}

TEST(RotationTest, LinearScalingSlowsEveryFrequency) {
  RopeConfig linear = Rope(1e4);
  linear.scaling = RopeScaling::kLinear;
  linear.factor = 4;
  ExpectClose(Frequencies(linear), Frequencies(Rope(1e4)).to(at::kDouble) / 4);
}

TEST(RotationTest, Llama3LeavesShortWavesAndSlowsLongOnes) {
  RopeConfig llama3 = Rope(1e4);
  llama3.scaling = RopeScaling::kLlama3;
  llama3.factor = 8;
  llama3.original_positions = 256;
  const at::Tensor plain = Frequencies(Rope(1e4)), scaled = Frequencies(llama3);
  const at::Tensor slower = plain / scaled;
  EXPECT_NEAR(slower[0].item<double>(), 1, 1e-5);   // a wave of 2π tokens
  EXPECT_NEAR(slower[31].item<double>(), 8, 1e-3);  // one of 47,000
  EXPECT_TRUE((slower.diff() >= -1e-3).all().item<bool>());
}

TEST(RotationTest, LongRopeTakesTheFactorsOfTheSequencesOwnLength) {
  RopeConfig rope = Rope(1e4);
  rope.scaling = RopeScaling::kLongRope;
  rope.original_positions = 10;
  rope.short_factor.assign(32, 1);
  rope.long_factor.assign(32, 3);
  const at::Tensor plain = Frequencies(Rope(1e4)).to(at::kDouble);
  ExpectClose(Frequencies(rope, 10), plain);
  ExpectClose(Frequencies(rope, 11), plain / 3);
}

TEST(RotationTest, LongRopeScalesCosineAndSine) {
  RopeConfig rope = Rope(1e4);
  rope.scaling = RopeScaling::kLongRope;
  rope.original_positions = 10;
  rope.short_factor.assign(32, 1);
  rope.long_factor.assign(32, 3);
  rope.attention_factor = 1.25;
  const RotaryAngles angles = AnglesAt({{0, 5}}, rope, 64, at::empty({0}, at::kFloat));
  EXPECT_TRUE(at::allclose(angles.cos_TR.square() + angles.sin_TR.square(),
                           at::full({5, 32}, 1.25 * 1.25)));
}

}  // namespace
}  // namespace strata
