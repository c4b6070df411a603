// Computes the parts of a decoder layer that hold no trained weight: norm, rotation, gated
// activation. Each is one autograd node that saves its inputs only and computes the rest again in
// the backward pass.
//
// Shapes: T tokens, D hidden, F intermediate, H heads, C channels of a head.
#pragma once

#include <ATen/core/Tensor.h>

namespace strata {

// weight · x / rms(x), in fp32, rounded to x's dtype before the weight is applied, as Hugging Face
// does.
at::Tensor RmsNorm(const at::Tensor& x_TD, const at::Tensor& weight_D, double epsilon);

// Angles of the rotary embedding, [T, C / 2] each.
struct RotaryAngles {
  at::Tensor cos_TC, sin_TC;
};

// Computed in fp32 from the positions, given in the dtype and on the device of `like`.
RotaryAngles AnglesAt(const at::Tensor& positions_T, int64_t head_dim, double theta,
                      const at::Tensor& like);

// Hugging Face's convention: channel c turns with channel c + C / 2.
at::Tensor Rotated(const at::Tensor& x_THC, const RotaryAngles& angles);

// silu(gate) · up.
at::Tensor GatedSilu(const at::Tensor& gate_TF, const at::Tensor& up_TF);

}  // namespace strata
