#include "worker/model/linear_cross_entropy.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace strata {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kChunk = 1024;  // positions whose logits exist at a time

// The sum and, where `dhidden_SD` is asked for, its gradient: the logits exist only here.
at::Tensor SumInChunks(const at::Tensor& hidden_SD, const at::Tensor& head_VD,
                       const at::Tensor& targets_S, double softcap, at::Tensor* dhidden_SD) {
  const int64_t positions = hidden_SD.size(0);
  at::Tensor sum = at::zeros({}, hidden_SD.options().dtype(at::kDouble));
  for (int64_t begin = 0; begin < positions; begin += kChunk) {
    const int64_t n = std::min(kChunk, positions - begin);
    const at::Tensor targets_N1 = targets_S.narrow(0, begin, n).unsqueeze(1);
    at::Tensor logits_NV = hidden_SD.narrow(0, begin, n).mm(head_VD.t()).to(at::kFloat);
    at::Tensor slope_NV;  // of the soft cap
    if (softcap > 0) {
      logits_NV.div_(softcap).tanh_();
      if (dhidden_SD != nullptr) slope_NV = 1 - logits_NV.square();
      logits_NV.mul_(softcap);
    }
    logits_NV.sub_(logits_NV.amax(1, /*keepdim=*/true));
    const at::Tensor picked_N1 = logits_NV.gather(1, targets_N1);
    logits_NV.exp_();
    const at::Tensor total_N1 = logits_NV.sum(1, /*keepdim=*/true);
    sum.add_((total_N1.log() - picked_N1).sum(at::kDouble));
    if (dhidden_SD == nullptr) continue;
    logits_NV.div_(total_N1);
    logits_NV.scatter_add_(1, targets_N1, at::full_like(total_N1, -1));
    if (slope_NV.defined()) logits_NV.mul_(slope_NV);
    at::Tensor dhidden_ND = dhidden_SD->narrow(0, begin, n);
    at::mm_out(dhidden_ND, logits_NV.to(head_VD.scalar_type()), head_VD);
  }
  return sum;
}

struct LinearCrossEntropyFunction : torch::autograd::Function<LinearCrossEntropyFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& hidden_SD,
                            const at::Tensor& head_VD, const at::Tensor& targets_S,
                            double softcap) {
    at::Tensor dhidden_SD = at::empty_like(hidden_SD);
    at::Tensor sum = SumInChunks(hidden_SD, head_VD, targets_S, softcap, &dhidden_SD);
    ctx->save_for_backward({dhidden_SD});
    return sum;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const at::Tensor dhidden_SD = ctx->get_saved_variables()[0];
    // In fp32: 1 / N rounded to bf16 would scale every gradient by up to 0.4 %.
    const at::Tensor scaled_SD = dhidden_SD.to(at::kFloat) * grads[0].to(at::kFloat);
    return {scaled_SD.to(dhidden_SD.scalar_type()), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor LinearCrossEntropySum(const at::Tensor& hidden_SD, const at::Tensor& head_VD,
                                 const at::Tensor& targets_S, double softcap) {
  if (!c10::GradMode::is_enabled() || !hidden_SD.requires_grad()) {
    return SumInChunks(hidden_SD, head_VD, targets_S, softcap, nullptr);
  }
  return LinearCrossEntropyFunction::apply(hidden_SD, head_VD, targets_S, softcap);
}

}  // namespace strata
