#include "worker/train/adamw.h"

#include <ATen/ATen.h>

namespace strata {

AdamW::AdamW(const AdamWSettings& settings, const at::Tensor& like_N)
    : settings_(settings),
      first_moment_N_(at::zeros_like(like_N)),
      second_moment_N_(at::zeros_like(like_N)),
      steps_(at::zeros({}, like_N.options())) {}

void AdamW::Update(at::Tensor& values_N, at::Tensor& gradients_N, double grad_norm,
                   double learning_rate) {
  // The 1e-6 is that of torch.nn.utils.clip_grad_norm_, so that losses can be compared with it.
  const double shrink = settings_.max_grad_norm / (grad_norm + 1e-6);
  if (settings_.max_grad_norm > 0 && shrink < 1) gradients_N.mul_(shrink);
  steps_.add_(1);
  at::_fused_adamw_({values_N}, {gradients_N}, {first_moment_N_}, {second_moment_N_}, {}, {steps_},
                    learning_rate, settings_.beta1, settings_.beta2, settings_.weight_decay,
                    settings_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
}

double GradientNorm(const at::Tensor& gradients_N) {
  if (gradients_N.numel() == 0) return 0;
  return at::linalg_vector_norm(gradients_N, 2, std::nullopt, /*keepdim=*/false, at::kDouble)
      .item<double>();
}

}  // namespace strata
