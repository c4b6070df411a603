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
    return (wide_TD * inverse_T1).to(x_TD.scalar_type()).mul_(weight_D);
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

at::Tensor Turn(const at::Tensor& x_THC, const at::Tensor& cos_TC, const at::Tensor& sin_TC) {
  const int64_t half = x_THC.size(-1) / 2;
  const at::Tensor cos_T1C = cos_TC.unsqueeze(1), sin_T1C = sin_TC.unsqueeze(1);
  const at::Tensor low = x_THC.narrow(-1, 0, half), high = x_THC.narrow(-1, half, half);
  at::Tensor out_THC = at::empty(x_THC.sizes(), x_THC.options());
  out_THC.narrow(-1, 0, half).copy_(low * cos_T1C - high * sin_T1C);
  out_THC.narrow(-1, half, half).copy_(high * cos_T1C + low * sin_T1C);
  return out_THC;
}

struct RotatedFunction : torch::autograd::Function<RotatedFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x_THC, const at::Tensor& cos_TC,
                            const at::Tensor& sin_TC) {
    ctx->save_for_backward({cos_TC, sin_TC});
    return Turn(x_THC, cos_TC, sin_TC);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    return {Turn(grads[0], saved[0], saved[1].neg()), at::Tensor(), at::Tensor()};
  }
};

struct GatedSiluFunction : torch::autograd::Function<GatedSiluFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& gate_TF,
                            const at::Tensor& up_TF) {
    ctx->save_for_backward({gate_TF, up_TF});
    return at::silu(gate_TF).mul_(up_TF);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor dgate_TF = at::silu_backward(grads[0] * saved[1], saved[0]);
    return {dgate_TF, at::silu(saved[0]).mul_(grads[0])};
  }
};

}  // namespace

at::Tensor RmsNorm(const at::Tensor& x_TD, const at::Tensor& weight_D, double epsilon) {
  return RmsNormFunction::apply(x_TD, weight_D, epsilon);
}

RotaryAngles AnglesAt(const at::Tensor& positions_T, int64_t head_dim, double theta,
                      const at::Tensor& like) {
  const at::Tensor exponents_C = at::arange(0, head_dim, 2, at::kFloat).div_(head_dim);
  const at::Tensor inverse_C = at::pow(at::Scalar(theta), exponents_C).reciprocal_();
  const at::Tensor angles_TC = positions_T.to(at::kFloat).unsqueeze(1) * inverse_C;
  return {angles_TC.cos().to(like.options()), angles_TC.sin().to(like.options())};
}

at::Tensor Rotated(const at::Tensor& x_THC, const RotaryAngles& angles) {
  return RotatedFunction::apply(x_THC, angles.cos_TC, angles.sin_TC);
}

at::Tensor GatedSilu(const at::Tensor& gate_TF, const at::Tensor& up_TF) {
  return GatedSiluFunction::apply(gate_TF, up_TF);
}

}  // namespace strata
