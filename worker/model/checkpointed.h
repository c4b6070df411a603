// Computes a part of the model without keeping its activations, and computes it again in the
// backward pass (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016): only the
// part's input stays. Takes a function of the decoder's, gives its value.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace strata {

// compute(x), with gradients for `x` and for `leaves`, the tensors that `compute` uses besides and
// that require one. `compute` gives the same value each time; it is kept until the backward pass is
// over, and what it refers to must live as long.
at::Tensor Checkpointed(const std::function<at::Tensor(const at::Tensor&)>& compute,
                        const at::Tensor& x, const std::vector<at::Tensor>& leaves);

}  // namespace strata
