#include "worker/model/lora_linear.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "worker/model/keyed_dropout.h"

namespace strata {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct LoraLinearFunction : torch::autograd::Function<LoraLinearFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x_TI,
                            const at::Tensor& weight_OI, const std::optional<at::Tensor>& bias_O,
                            const at::Tensor& a_RI, const at::Tensor& b_OR,
                            const std::optional<at::Tensor>& keep_mask_TI, double scale) {
    const at::Tensor mask_TI = keep_mask_TI.value_or(at::Tensor());
    const at::Tensor kept_TI = mask_TI.defined() ? Kept(x_TI, mask_TI) : x_TI;
    const at::Tensor low_TR = kept_TI.mm(a_RI.to(x_TI.scalar_type()).t());
    at::Tensor y_TO = bias_O ? at::addmm(*bias_O, x_TI, weight_OI.t()) : x_TI.mm(weight_OI.t());
    y_TO.addmm_(low_TR, b_OR.to(x_TI.scalar_type()).t(), 1, scale);
    ctx->save_for_backward({x_TI, weight_OI, a_RI, b_OR, mask_TI, low_TR});
    ctx->saved_data["scale"] = scale;
    return y_TO;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x_TI = saved[0], &weight_OI = saved[1], &mask_TI = saved[4];
    const at::Tensor& low_TR = saved[5];
    const at::Tensor a_RI = saved[2].to(x_TI.scalar_type());
    const at::Tensor b_OR = saved[3].to(x_TI.scalar_type());
    const double scale = ctx->saved_data["scale"].toDouble();
    const at::Tensor dy_TO = grads[0].contiguous();

    const at::Tensor dlow_TR = dy_TO.mm(b_OR).mul_(scale);
    const at::Tensor kept_TI = mask_TI.defined() ? Kept(x_TI, mask_TI) : x_TI;
    const at::Tensor da_RI = dlow_TR.t().mm(kept_TI).to(at::kFloat);
    const at::Tensor db_OR = dy_TO.t().mm(low_TR).to(at::kFloat).mul_(scale);
    at::Tensor dx_TI;
    if (ctx->needs_input_grad(0)) {
      dx_TI = dy_TO.mm(weight_OI);
      if (mask_TI.defined()) {
        dx_TI.add_(Kept(dlow_TR.mm(a_RI), mask_TI));
      } else {
        dx_TI.addmm_(dlow_TR, a_RI);
      }
    }
    return {dx_TI, at::Tensor(), at::Tensor(), da_RI, db_OR, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor LoraLinear(const at::Tensor& x_TI, const at::Tensor& weight_OI, const at::Tensor& bias_O,
                      const LoraFactors& factors) {
  // apply takes no undefined tensor
  const auto perhaps = [](const at::Tensor& x) {
    return x.defined() ? std::optional<at::Tensor>(x) : std::nullopt;
  };
  return LoraLinearFunction::apply(x_TI, weight_OI, perhaps(bias_O), factors.a_RI, factors.b_OR,
                                   perhaps(factors.keep_mask_TI), factors.scale);
}

}  // namespace strata
