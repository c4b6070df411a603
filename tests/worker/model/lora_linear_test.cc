// Goal: the projection and its hand-written gradients are those of y = x Wᵀ (+ b) + scale ·
// kept(x) Aᵀ Bᵀ. Method: the formula in fp64 under autograd, with a mask and without, whether or
// not x needs a gradient.
//
// Shapes: T tokens, I in, O out, R the adapter's rank.
#include "worker/model/lora_linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/worker/model/closeness.h"

namespace strata {
namespace {

using namespace testing;  // strata::testing

constexpr int64_t kTokens = 11, kIn = 19, kOut = 13, kRank = 3;

struct Case {
  bool masked = false, x_needs_gradient = false, biased = false;
};

struct Inputs {
  at::Tensor x_TI, weight_OI, bias_O;
  LoraFactors factors;
};

Inputs RandomInputs(const Case& with) {
  at::manual_seed(3);
  Inputs in;
  in.x_TI = Leaf(at::randn({kTokens, kIn}), at::kFloat, with.x_needs_gradient);
  in.weight_OI = at::randn({kOut, kIn});
  if (with.biased) in.bias_O = at::randn({kOut});
  in.factors.a_RI = Leaf(at::randn({kRank, kIn}), at::kFloat, true);
  in.factors.b_OR = Leaf(at::randn({kOut, kRank}), at::kFloat, true);
  in.factors.scale = 1.75;
  if (with.masked) in.factors.keep_mask_TI = at::rand({kTokens, kIn}).lt(0.6).to(at::kByte);
  return in;
}

// The same values as leaves of fp64.
Inputs Wide(const Inputs& in) {
  Inputs wide = in;
  wide.x_TI = Leaf(in.x_TI, at::kDouble, true);
  wide.weight_OI = in.weight_OI.to(at::kDouble);
  wide.factors.a_RI = Leaf(in.factors.a_RI, at::kDouble, true);
  wide.factors.b_OR = Leaf(in.factors.b_OR, at::kDouble, true);
  return wide;
}

at::Tensor PlainLinear(const Inputs& in) {
  const LoraFactors& lora = in.factors;
  const at::Tensor kept_TI =
      lora.keep_mask_TI.defined() ? in.x_TI * lora.keep_mask_TI.to(at::kDouble) : in.x_TI;
  const at::Tensor base_TO = in.x_TI.mm(in.weight_OI.t());
  return (in.bias_O.defined() ? base_TO + in.bias_O.to(at::kDouble) : base_TO) +
         kept_TI.mm(lora.a_RI.t()).mm(lora.b_OR.t()) * lora.scale;
}

class LoraLinearTest : public ::testing::TestWithParam<Case> {};

TEST_P(LoraLinearTest, IsThePlainFormula) {
  const Inputs in = RandomInputs(GetParam()), wide = Wide(in);
  ExpectClose(LoraLinear(in.x_TI, in.weight_OI, in.bias_O, in.factors), PlainLinear(wide), 1e-6);
}

TEST_P(LoraLinearTest, HasThePlainGradients) {
  const Inputs in = RandomInputs(GetParam()), wide = Wide(in);
  const at::Tensor pull_TO = at::randn({kOut, kTokens}).t();  // not contiguous
  LoraLinear(in.x_TI, in.weight_OI, in.bias_O, in.factors).backward(pull_TO);
  PlainLinear(wide).backward(pull_TO.to(at::kDouble));
  ExpectClose(in.factors.a_RI.grad(), wide.factors.a_RI.grad(), 1e-6);
  ExpectClose(in.factors.b_OR.grad(), wide.factors.b_OR.grad(), 1e-6);
  if (GetParam().x_needs_gradient) ExpectClose(in.x_TI.grad(), wide.x_TI.grad(), 1e-6);
  EXPECT_EQ(in.x_TI.grad().defined(), GetParam().x_needs_gradient);
  EXPECT_FALSE(in.weight_OI.grad().defined());
}

TEST_P(LoraLinearTest, KeepsTheAdapterInFloat32WhenItComputesInBfloat16) {
  Inputs in = RandomInputs(GetParam());
  in.x_TI = Leaf(in.x_TI, at::kBFloat16, GetParam().x_needs_gradient);
  in.weight_OI = in.weight_OI.to(at::kBFloat16);
  if (in.bias_O.defined()) in.bias_O = in.bias_O.to(at::kBFloat16);
  const Inputs wide = Wide(in);
  const at::Tensor y_TO = LoraLinear(in.x_TI, in.weight_OI, in.bias_O, in.factors);
  EXPECT_EQ(y_TO.scalar_type(), at::kBFloat16);
  y_TO.backward(at::ones_like(y_TO));
  PlainLinear(wide).backward(at::ones({kTokens, kOut}, at::kDouble));
  EXPECT_EQ(in.factors.a_RI.grad().scalar_type(), at::kFloat);
  ExpectClose(in.factors.a_RI.grad(), wide.factors.a_RI.grad(), 0.02);
  ExpectClose(in.factors.b_OR.grad(), wide.factors.b_OR.grad(), 0.02);
}

INSTANTIATE_TEST_SUITE_P(Cases, LoraLinearTest,
                         ::testing::Values(Case{false, false}, Case{false, true}, Case{true, false},
                                           Case{true, true}, Case{true, true, true},
                                           Case{false, true, true}),
                         [](const auto& with) {
                           return std::string(with.param.masked ? "Masked" : "Whole") +
                                  (with.param.x_needs_gradient ? "Inner" : "First") +
                                  (with.param.biased ? "Biased" : "");
                         });

}  // namespace
}  // namespace strata
