// Goal: norm and gated activation are their formulas, and so are the gradients written by hand.
// Method: the formulas in fp64 under autograd.
//
// Shapes: T tokens, D hidden, F intermediate.
#include "worker/model/frozen_layers.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tests/worker/model/closeness.h"

namespace strata {
namespace {

using namespace testing;  // strata::testing

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
  at::manual_seed(8);
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
  at::manual_seed(9);
  const at::Tensor x_TD = (at::randn({9, 64}) * 3).to(at::kBFloat16);
  const at::Tensor weight_D = (at::rand({64}) + 0.5).to(at::kBFloat16);
  const at::Tensor wide_TD = x_TD.to(at::kFloat);
  const at::Tensor inverse_T1 = (wide_TD.square().mean(-1, true) + 1e-5).rsqrt();
  const at::Tensor expected_TD = (wide_TD * inverse_T1).to(at::kBFloat16) * weight_D;
  EXPECT_TRUE(at::equal(RmsNorm(x_TD, weight_D, 1e-5), expected_TD));
}

TEST(RmsNormTest, AppliesAnFp32WeightBeforeItRounds) {
  at::manual_seed(9);
  const at::Tensor x_TD = (at::randn({9, 64}) * 3).to(at::kBFloat16);
  const at::Tensor weight_D = at::rand({64}) + 0.5;
  const at::Tensor wide_TD = x_TD.to(at::kFloat);
  const at::Tensor inverse_T1 = (wide_TD.square().mean(-1, true) + 1e-5).rsqrt();
  const at::Tensor expected_TD = (wide_TD * inverse_T1 * weight_D).to(at::kBFloat16);
  EXPECT_TRUE(at::equal(RmsNorm(x_TD, weight_D, 1e-5), expected_TD));
}

void ExpectActivation(Activation activation,
                      const std::function<at::Tensor(const at::Tensor&)>& formula) {
  at::manual_seed(10);
  const at::Tensor other_TF = at::randn({5, 12}), wide_TF = other_TF.to(at::kDouble);
  ExpectSame(
      at::randn({5, 12}) * 3,
      [&](const auto& gate_TF) { return GatedActivation(gate_TF, other_TF, activation); },
      [&](const auto& gate_TF) { return formula(gate_TF) * wide_TF; });
  ExpectSame(
      at::randn({5, 12}) * 3,
      [&](const auto& up_TF) { return GatedActivation(other_TF, up_TF, activation); },
      [&](const auto& up_TF) { return formula(wide_TF) * up_TF; });
}

TEST(GatedActivationTest, IsSiluInBothArguments) {
  ExpectActivation(Activation::kSilu,
                   [](const at::Tensor& x_TF) { return x_TF * at::sigmoid(x_TF); });
}

TEST(GatedActivationTest, IsTheTanhOfGeluInBothArguments) {
  ExpectActivation(Activation::kGeluTanh, [](const at::Tensor& x_TF) {
    const at::Tensor inner_TF = (x_TF + 0.044715 * x_TF.pow(3)) * std::sqrt(2 / M_PI);
    return 0.5 * x_TF * (1 + inner_TF.tanh());
  });
}

}  // namespace
}  // namespace strata
