#include "worker/model/rotary.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "worker/model/device_tensor.h"

namespace strata {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Waves longer than original / low turn `factor` times slower, those shorter than original / high
// as ever; between them the share that is left as it was falls with the wavelength.
at::Tensor Llama3Frequencies(const RopeConfig& rope, const at::Tensor& inverse_C) {
  const auto original = static_cast<double>(rope.original_positions);
  const at::Tensor wavelength_C = inverse_C.reciprocal().mul_(2 * M_PI);
  const at::Tensor left_C = at::reciprocal(wavelength_C)
                                .mul_(original)
                                .sub_(rope.low_freq_factor)
                                .div_(rope.high_freq_factor - rope.low_freq_factor)
                                .clamp_(0, 1);
  return (1 - left_C) * inverse_C / rope.factor + left_C * inverse_C;
}

at::Tensor InverseFrequencies(const RopeConfig& rope, int64_t channels, bool long_sequence) {
  const at::Tensor exponents_C = at::arange(0, channels, 2, at::kFloat).div_(channels);
  const at::Tensor powers_C = at::pow(at::Scalar(rope.theta), exponents_C);
  switch (rope.scaling) {
    case RopeScaling::kNone:
      return powers_C.reciprocal();
    case RopeScaling::kLinear:
      return powers_C.reciprocal().div_(rope.factor);
    case RopeScaling::kLlama3:
      return Llama3Frequencies(rope, powers_C.reciprocal());
    case RopeScaling::kLongRope:
      break;
  }
  const std::vector<double>& factors = long_sequence ? rope.long_factor : rope.short_factor;
  return (at::tensor(factors, at::kFloat) * powers_C).reciprocal_();
}

at::Tensor Turn(const at::Tensor& x_THC, const at::Tensor& cos_TR, const at::Tensor& sin_TR) {
  const int64_t half = cos_TR.size(1), rest = x_THC.size(-1) - 2 * half;
  const at::Tensor cos_T1R = cos_TR.unsqueeze(1), sin_T1R = sin_TR.unsqueeze(1);
  const at::Tensor low = x_THC.narrow(-1, 0, half), high = x_THC.narrow(-1, half, half);
  at::Tensor out_THC = at::empty(x_THC.sizes(), x_THC.options());
  out_THC.narrow(-1, 0, half).copy_(low * cos_T1R - high * sin_T1R);
  out_THC.narrow(-1, half, half).copy_(high * cos_T1R + low * sin_T1R);
  if (rest > 0) out_THC.narrow(-1, 2 * half, rest).copy_(x_THC.narrow(-1, 2 * half, rest));
  return out_THC;
}

struct RotatedFunction : torch::autograd::Function<RotatedFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x_THC, const at::Tensor& cos_TR,
                            const at::Tensor& sin_TR) {
    ctx->save_for_backward({cos_TR, sin_TR});
    return Turn(x_THC, cos_TR, sin_TR);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    return {Turn(grads[0], saved[0], saved[1].neg()), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

RotaryAngles AnglesAt(const std::vector<PositionSpan>& spans, const RopeConfig& rope,
                      int64_t head_dim, const at::Tensor& like) {
  std::vector<int64_t> positions, is_long;
  for (const PositionSpan& span : spans) {
    const bool beyond = span.first + span.count > rope.original_positions;
    for (int64_t i = 0; i < span.count; ++i) positions.push_back(span.first + i);
    is_long.insert(is_long.end(), static_cast<size_t>(span.count), beyond);
  }
  const int64_t channels = rope.channels > 0 ? rope.channels : head_dim;
  at::Tensor inverse_TR = InverseFrequencies(rope, channels, false).unsqueeze(0);
  if (rope.scaling == RopeScaling::kLongRope) {
    const at::Tensor both_2R = at::stack({inverse_TR[0], InverseFrequencies(rope, channels, true)});
    inverse_TR = both_2R.index_select(0, at::tensor(is_long, at::kLong));
  }
  const at::Tensor positions_T1 = at::tensor(positions, at::kLong).to(at::kFloat).unsqueeze(1);
  const at::Tensor angles_TR = positions_T1 * inverse_TR;
  const auto given = [&](const at::Tensor& wide_TR) {
    return OnDevice((wide_TR * rope.attention_factor).to(like.scalar_type()), like.device());
  };
  return {given(angles_TR.cos()), given(angles_TR.sin())};
}

at::Tensor Rotated(const at::Tensor& x_THC, const RotaryAngles& angles) {
  return RotatedFunction::apply(x_THC, angles.cos_TR, angles.sin_TR);
}

}  // namespace strata
