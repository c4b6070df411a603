#include "worker/train/adamw.h"

#include <ATen/ATen.h>

namespace strata {

AdamW::AdamW(const AdamWSettings& settings, const AdapterLayout& layout, const at::Tensor& like_N)
    : settings_(settings),
      first_moment_N_(at::zeros_like(like_N)),
      second_moment_N_(at::zeros_like(like_N)),
      steps_(at::zeros({}, like_N.options())) {
  // With one rate for all, the buffer is one part.
  if (settings.loraplus_lr_ratio == 1) {
    groups_ = {{1, {{.name = "", .rows = 1, .columns = like_N.numel(), .offset = 0}}}};
    return;
  }
  groups_ = {{1, {}}, {settings.loraplus_lr_ratio, {}}};
  for (const AdapterTensor& tensor : layout.tensors) {
    const bool is_b = tensor.name.find(".lora_B.") != std::string::npos;
    groups_[is_b ? 1 : 0].parts.push_back(tensor);
  }
}

std::vector<at::Tensor> AdamW::Group::Of(const at::Tensor& flat_N) const {
  std::vector<at::Tensor> views;
  views.reserve(parts.size());
  for (const AdapterTensor& part : parts)
    views.push_back(flat_N.narrow(0, part.offset, part.elements()));
  return views;
}

void AdamW::Update(at::Tensor& values_N, at::Tensor& gradients_N, double grad_norm,
                   double learning_rate) {
  // The 1e-6 is that of torch.nn.utils.clip_grad_norm_, so that losses can be compared with it.
  const double shrink = settings_.max_grad_norm / (grad_norm + 1e-6);
  if (settings_.max_grad_norm > 0 && shrink < 1) gradients_N.mul_(shrink);
  steps_.add_(1);
  for (const Group& group : groups_) {
    if (group.parts.empty()) continue;
    const std::vector<at::Tensor> steps(group.parts.size(), steps_);
    at::_fused_adamw_(group.Of(values_N), group.Of(gradients_N), group.Of(first_moment_N_),
                      group.Of(second_moment_N_), {}, steps, learning_rate * group.rate_ratio,
                      settings_.beta1, settings_.beta2, settings_.weight_decay, settings_.epsilon,
                      /*amsgrad=*/false, /*maximize=*/false);
  }
}

int64_t AdamW::updates() const { return static_cast<int64_t>(steps_.item<float>()); }

void AdamW::Restore(const at::Tensor& first_moment_N, const at::Tensor& second_moment_N,
                    int64_t updates) {
  first_moment_N_.copy_(first_moment_N);
  second_moment_N_.copy_(second_moment_N);
  steps_.fill_(static_cast<double>(updates));
}

double GradientNorm(const at::Tensor& gradients_N) {
  if (gradients_N.numel() == 0) return 0;
  return at::linalg_vector_norm(gradients_N, 2, std::nullopt, /*keepdim=*/false, at::kDouble)
      .item<double>();
}

}  // namespace strata
