// Updates a flat adapter by AdamW with decoupled weight decay (Loshchilov, Hutter: "Decoupled
// Weight Decay Regularization", 2019) in one fused call. The moments live as long as one stage.
#pragma once

#include <ATen/core/Tensor.h>

namespace strata {

struct AdamWSettings {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01;
  double max_grad_norm = 1.0;  // global L2; 0: gradients are not clipped
};

class AdamW {
 public:
  // Zero moments in the shape and on the device of `like_N`.
  AdamW(const AdamWSettings& settings, const at::Tensor& like_N);

  // Clips gradients_N in place by its norm, then updates values_N. `grad_norm` is finite.
  void Update(at::Tensor& values_N, at::Tensor& gradients_N, double grad_norm,
              double learning_rate);

 private:
  AdamWSettings settings_;
  at::Tensor first_moment_N_, second_moment_N_, steps_;
};

// Global L2 norm, summed in fp64.
double GradientNorm(const at::Tensor& gradients_N);

}  // namespace strata
