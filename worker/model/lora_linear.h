// Multiplies by a frozen matrix with a LoRA adapter on it: y = x Wᵀ (+ b) + scale · kept(x) Aᵀ Bᵀ,
// PEFT's semantics. One autograd node per projection that keeps x, its mask and kept(x) Aᵀ for the
// backward pass, and nothing else.
//
// Shapes: T tokens, I in, O out, R the adapter's rank.
#pragma once

#include <ATen/core/Tensor.h>

namespace strata {

struct LoraFactors {
  at::Tensor a_RI, b_OR;    // fp32 leaves; cast to x's dtype inside
  double scale = 1;         // alpha / r, times the dropout's scale when there is a mask
  at::Tensor keep_mask_TI;  // uint8; undefined without dropout
};

// `bias_O` may be undefined.
at::Tensor LoraLinear(const at::Tensor& x_TI, const at::Tensor& weight_OI, const at::Tensor& bias_O,
                      const LoraFactors& factors);

}  // namespace strata
