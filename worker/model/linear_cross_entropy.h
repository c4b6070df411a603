// Sums the negative log-likelihood of targets under a linear head without ever holding the logits
// of all positions: they are made, used and dropped in chunks, and the gradient of the hidden
// states is computed on the way.
//
// Shapes: S supervised positions, D hidden, V vocabulary.
#pragma once

#include <ATen/core/Tensor.h>

namespace strata {

// A float64 scalar, in nats; softmax and logarithm in fp32. A `softcap` c above 0 makes logits
// c · tanh(logit / c). The head gets no gradient. Without grad mode nothing but the sum is
// computed.
at::Tensor LinearCrossEntropySum(const at::Tensor& hidden_SD, const at::Tensor& head_VD,
                                 const at::Tensor& targets_S, double softcap);

}  // namespace strata
