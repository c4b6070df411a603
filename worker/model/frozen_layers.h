// Computes the parts of a decoder layer that hold no trained weight: norm and gated activation.
// Each is one autograd node that saves its inputs only and computes the rest again in the backward
// pass.
//
// Shapes: T tokens, D hidden (or the channels of a head), F intermediate.
#pragma once

#include <ATen/core/Tensor.h>

#include "common/model_config.h"

namespace strata {

// weight · x / rms(x) along the last dimension, in fp32. A weight in x's dtype is applied to what
// was rounded to it, as Hugging Face's Llama does; an fp32 weight before it is, as its Gemma does.
at::Tensor RmsNorm(const at::Tensor& x_TD, const at::Tensor& weight_D, double epsilon);

// activation(gate) · up.
at::Tensor GatedActivation(const at::Tensor& gate_TF, const at::Tensor& up_TF,
                           Activation activation);

}  // namespace strata
