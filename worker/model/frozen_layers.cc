#include "worker/model/frozen_layers.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace strata {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor InverseRms(const at::Tensor& x_TD, double epsilon) {
  return x_TD.square().mean(-1, /*keepdim=*/true).add_(epsilon).rsqrt_();
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x_TD,
                            const at::Tensor& weight_D, double epsilon) {
    const at::Tensor wide_TD = x_TD.to(at::kFloat);
    const at::Tensor inverse_T1 = InverseRms(wide_TD, epsilon);
    ctx->save_for_backward({x_TD, weight_D, inverse_T1});
    return (wide_TD * inverse_T1).to(weight_D.scalar_type()).mul_(weight_D).to(x_TD.scalar_type());
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor& inverse_T1 = saved[2];
    const at::Tensor normal_TD = saved[0].to(at::kFloat) * inverse_T1;
    const at::Tensor dnormal_TD = (grads[0] * saved[1]).to(at::kFloat);
    const at::Tensor along_T1 = (dnormal_TD * normal_TD).mean(-1, /*keepdim=*/true);
    const at::Tensor dx_TD = (dnormal_TD - normal_TD * along_T1).mul_(inverse_T1);
    return {dx_TD.to(saved[0].scalar_type()), at::Tensor(), at::Tensor()};
  }
};

at::Tensor Activated(const at::Tensor& x, Activation activation) {
  return activation == Activation::kSilu ? at::silu(x) : at::gelu(x, "tanh");
}

at::Tensor ActivationBackward(const at::Tensor& dy, const at::Tensor& x, Activation activation) {
  return activation == Activation::kSilu ? at::silu_backward(dy, x)
                                         : at::gelu_backward(dy, x, "tanh");
}

struct GatedActivationFunction : torch::autograd::Function<GatedActivationFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& gate_TF,
                            const at::Tensor& up_TF, int64_t activation) {
    ctx->save_for_backward({gate_TF, up_TF});
    ctx->saved_data["activation"] = activation;
    return Activated(gate_TF, static_cast<Activation>(activation)).mul_(up_TF);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const auto activation = static_cast<Activation>(ctx->saved_data["activation"].toInt());
    const at::Tensor dgate_TF = ActivationBackward(grads[0] * saved[1], saved[0], activation);
    return {dgate_TF, Activated(saved[0], activation).mul_(grads[0]), at::Tensor()};
  }
};

}  // namespace

at::Tensor RmsNorm(const at::Tensor& x_TD, const at::Tensor& weight_D, double epsilon) {
  return RmsNormFunction::apply(x_TD, weight_D, epsilon);
}

at::Tensor GatedActivation(const at::Tensor& gate_TF, const at::Tensor& up_TF,
                           Activation activation) {
  return GatedActivationFunction::apply(gate_TF, up_TF, static_cast<int64_t>(activation));
}

}  // namespace strata
