// Goal: the chunked loss is the plain one. Method: sum and gradient against log_softmax in fp64,
// over a chunk's border.
#include "worker/model/linear_cross_entropy.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace strata {
namespace {

void ExpectLogSoftmax(double softcap) {
  at::manual_seed(2);
  const int64_t positions = 2500;
  const at::Tensor head_VD = at::randn({37, 16}, at::kFloat);
  const at::Tensor targets_S = at::randint(37, {positions}, at::kLong);
  at::Tensor hidden_SD = at::randn({positions, 16}, at::kFloat).set_requires_grad(true);
  const at::Tensor sum = LinearCrossEntropySum(hidden_SD, head_VD, targets_S, softcap);
  (sum / 10.0).backward();

  at::Tensor plain_SD = hidden_SD.detach().to(at::kDouble).set_requires_grad(true);
  at::Tensor logits_SV = plain_SD.mm(head_VD.to(at::kDouble).t());
  if (softcap > 0) logits_SV = (logits_SV / softcap).tanh() * softcap;
  const at::Tensor log_SV = at::log_softmax(logits_SV, 1);
  const at::Tensor expected = -log_SV.gather(1, targets_S.unsqueeze(1)).sum();
  (expected / 10.0).backward();

  EXPECT_NEAR(sum.item<double>() / expected.item<double>(), 1, 1e-6);
  const at::Tensor error = (hidden_SD.grad().to(at::kDouble) - plain_SD.grad()).abs().max();
  EXPECT_LT(error.item<double>(), 1e-6);
}

TEST(LinearCrossEntropyTest, MatchesLogSoftmaxOverSeveralChunks) { ExpectLogSoftmax(0); }

TEST(LinearCrossEntropyTest, CapsTheLogitsSoftly) { ExpectLogSoftmax(3); }

// The norm of the gradient in bfloat16 of the sum times `factor`.
double GradientNormInBfloat16(double factor) {
  at::manual_seed(5);
  const at::Tensor head_VD = at::randn({37, 16}, at::kBFloat16);
  const at::Tensor targets_S = at::randint(37, {500}, at::kLong);
  const at::Tensor hidden_SD = at::randn({500, 16}, at::kBFloat16).set_requires_grad(true);
  (LinearCrossEntropySum(hidden_SD, head_VD, targets_S, 0) * factor).backward();
  return hidden_SD.grad().to(at::kDouble).norm().item<double>();
}

TEST(LinearCrossEntropyTest, ScalesGradientsByFactorsThatBfloat16CannotHold) {
  const double factor = 167.5 / 128;  // rounds to 168 / 128
  EXPECT_NEAR(GradientNormInBfloat16(factor) / GradientNormInBfloat16(1), factor, 5e-4);
}

TEST(LinearCrossEntropyTest, StaysFiniteForHugeLogits) {
  const at::Tensor hidden_SD = at::full({2, 4}, 1e4, at::kFloat);
  const at::Tensor head_VD = at::randn({5, 4}, at::kFloat);
  const at::Tensor targets_S = at::zeros({2}, at::kLong);
  EXPECT_TRUE(
      std::isfinite(LinearCrossEntropySum(hidden_SD, head_VD, targets_S, 0).item<double>()));
}

}  // namespace
}  // namespace strata
