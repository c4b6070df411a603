// Compares what the model computes with the formula in fp64: leaves of the same values, and how far
// two tensors may be apart.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace strata::testing {

inline at::Tensor Leaf(const at::Tensor& values, at::ScalarType type, bool requires_grad = true) {
  return values.detach().to(type).clone().set_requires_grad(requires_grad);
}

// The largest difference, as a share of the largest expected value.
inline void ExpectClose(const at::Tensor& got, const at::Tensor& expected, double bound = 1e-5) {
  ASSERT_EQ(got.sizes(), expected.sizes());
  const at::Tensor off = (got.to(at::kDouble) - expected).abs().max() / expected.abs().max();
  EXPECT_LE(off.item<double>(), bound);
}

}  // namespace strata::testing
