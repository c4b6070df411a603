#include "worker/model/checkpointed.h"

#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

namespace strata {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Compute = std::function<at::Tensor(const at::Tensor&)>;

struct KeptCompute : torch::CustomClassHolder {
  explicit KeptCompute(const Compute& compute) : compute(compute) {}
  Compute compute;
};

struct CheckpointedFunction : torch::autograd::Function<CheckpointedFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, at::TensorList leaves,
                            const Compute& compute) {
    ctx->saved_data["compute"] =
        c10::IValue::make_capsule(c10::make_intrusive<KeptCompute>(compute));
    variable_list saved = {x};
    saved.insert(saved.end(), leaves.begin(), leaves.end());
    ctx->save_for_backward(saved);
    return compute(x);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const auto kept =
        c10::static_intrusive_pointer_cast<KeptCompute>(ctx->saved_data["compute"].toCapsule());
    const bool into_x = ctx->needs_input_grad(0);
    const at::AutoGradMode with_grad(true);
    const at::Tensor x = saved[0].detach().set_requires_grad(into_x);
    const at::Tensor y = kept->compute(x);
    variable_list inputs(saved.begin() + 1, saved.end());
    if (into_x) inputs.insert(inputs.begin(), x);
    variable_list found = torch::autograd::grad({y}, inputs, grads);
    if (!into_x) found.insert(found.begin(), at::Tensor());
    found.emplace_back();  // of `compute`
    return found;
  }
};

}  // namespace

at::Tensor Checkpointed(const Compute& compute, const at::Tensor& x,
                        const std::vector<at::Tensor>& leaves) {
  if (!c10::GradMode::is_enabled() || (leaves.empty() && !x.requires_grad())) return compute(x);
  return CheckpointedFunction::apply(x, at::TensorList(leaves), compute);
}

}  // namespace strata
