// Widens the values of a tensor to fp32, exactly. Takes a view into a safetensors file; adapters
// from elsewhere, which are often kept in half precision, are read through it.
#pragma once

#include <string_view>

#include "common/huggingface/safetensors.h"

namespace strata {

// Whether WidenToFloat takes it: "F32", "BF16", "F16". Each of their values is an fp32 value.
bool IsWidened(std::string_view dtype);

// Writes as many values as `tensor` has, which may be none; infinity and NaN stay what they are.
// REQUIRES: IsWidened(tensor.dtype).
void WidenToFloat(const TensorView& tensor, float* values);

}  // namespace strata
