// Goal: norm, rotation and gated activation are their formulas, and so are the gradients written by
// hand. Method: the formulas in fp64 under autograd; the rotation as a product of complex numbers.
//
// Shapes: T tokens, D hidden, F intermediate, H heads, C channels of a head.
#include "worker/model/frozen_layers.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace strata {
namespace {

at::Tensor Leaf(const at::Tensor& values, at::ScalarType type) {
  return values.detach().to(type).clone().set_requires_grad(true);
}

void ExpectClose(const at::Tensor& got, const at::Tensor& expected) {
  ASSERT_EQ(got.sizes(), expected.sizes());
  const at::Tensor off = (got.to(at::kDouble) - expected).abs().max() / expected.abs().max();
  EXPECT_LE(off.item<double>(), 1e-5);
}

// Output and the gradient of the only input, for a random pull on the output.
template <typename Ours, typename Plain>
void ExpectSame(const at::Tensor& x, const Ours& ours, const Plain& plain) {
  const at::Tensor narrow = Leaf(x, at::kFloat), wide = Leaf(narrow, at::kDouble);
  const at::Tensor got = ours(narrow), expected = plain(wide);
  ExpectClose(got, expected);
  const at::Tensor pull = at::randn_like(got);
  got.backward(pull);
  expected.backward(pull.to(at::kDouble));
  ExpectClose(narrow.grad(), wide.grad());
}

TEST(RmsNormTest, IsTheFormula) {
  const at::Tensor weight_D = at::rand({24}) + 0.5;
  const double epsilon = 0.3;  // large, so that it counts
  ExpectSame(
      at::randn({7, 24}) * 0.8, [&](const auto& x_TD) { return RmsNorm(x_TD, weight_D, epsilon); },
      [&](const auto& x_TD) {
        const at::Tensor square_T1 = x_TD.square().mean(-1, /*keepdim=*/true);
        return x_TD / (square_T1 + epsilon).sqrt() * weight_D.to(at::kDouble);
      });
}

TEST(RmsNormTest, RoundsToBfloat16BeforeTheWeight) {
  const at::Tensor x_TD = (at::randn({9, 64}) * 3).to(at::kBFloat16);
  const at::Tensor weight_D = (at::rand({64}) + 0.5).to(at::kBFloat16);
  const at::Tensor wide_TD = x_TD.to(at::kFloat);
  const at::Tensor inverse_T1 = (wide_TD.square().mean(-1, true) + 1e-5).rsqrt();
  const at::Tensor expected_TD = (wide_TD * inverse_T1).to(at::kBFloat16) * weight_D;
  EXPECT_TRUE(at::equal(RmsNorm(x_TD, weight_D, 1e-5), expected_TD));
}

// exp(i · position / theta^(2c / head_dim)), [T, 1, C / 2].
at::Tensor Turns(const std::vector<double>& positions, int64_t head_dim, double theta) {
  const at::Tensor powers_C = at::arange(0, head_dim, 2, at::kDouble) / head_dim;
  const at::Tensor angles_TC =
      at::tensor(positions, at::kDouble).unsqueeze(1) * at::exp(-powers_C * std::log(theta));
  return at::complex(angles_TC.cos(), angles_TC.sin()).unsqueeze(1);
}

TEST(RotationTest, TurnsChannelsByPairsHalfAHeadApart) {
  const std::vector<double> positions = {0, 1, 2, 0, 1, 40, 500};
  const at::Tensor positions_T = at::tensor(positions, at::kLong);
  ExpectSame(
      at::randn({7, 3, 10}),
      [&](const auto& x_THC) { return Rotated(x_THC, AnglesAt(positions_T, 10, 5000, x_THC)); },
      [&](const auto& x_THC) {
        const at::Tensor pairs_THC = at::complex(x_THC.narrow(-1, 0, 5), x_THC.narrow(-1, 5, 5));
        const at::Tensor turned_THC = pairs_THC * Turns(positions, 10, 5000);
        return at::cat({at::real(turned_THC), at::imag(turned_THC)}, -1);
      });
}

TEST(RotationTest, LeavesTheFirstPositionAsItIs) {
  const at::Tensor x_THC = at::randn({1, 2, 8});
  const at::Tensor positions_T = at::zeros({1}, at::kLong);
  EXPECT_TRUE(at::equal(Rotated(x_THC, AnglesAt(positions_T, 8, 1e4, x_THC)), x_THC));
}

TEST(RotationTest, ComputesAnglesInFloat32WhateverItGives) {
  const at::Tensor positions_T = at::tensor({1001}, at::kLong);  // no bfloat16 holds it
  const RotaryAngles wide = AnglesAt(positions_T, 8, 1e4, at::empty({0}, at::kFloat));
  const RotaryAngles narrow = AnglesAt(positions_T, 8, 1e4, at::empty({0}, at::kBFloat16));
  EXPECT_TRUE(at::equal(narrow.cos_TC, wide.cos_TC.to(at::kBFloat16)));
  EXPECT_TRUE(at::equal(narrow.sin_TC, wide.sin_TC.to(at::kBFloat16)));
}

TEST(GatedSiluTest, IsTheFormulaInBothArguments) {
  const at::Tensor other_TF = at::randn({5, 12}), wide_TF = other_TF.to(at::kDouble);
  const auto silu = [](const at::Tensor& x_TF) { return x_TF * at::sigmoid(x_TF); };
  ExpectSame(
      at::randn({5, 12}) * 3, [&](const auto& gate_TF) { return GatedSilu(gate_TF, other_TF); },
      [&](const auto& gate_TF) { return silu(gate_TF) * wide_TF; });
  ExpectSame(
      at::randn({5, 12}) * 3, [&](const auto& up_TF) { return GatedSilu(other_TF, up_TF); },
      [&](const auto& up_TF) { return silu(wide_TF) * up_TF; });
}

}  // namespace
}  // namespace strata
