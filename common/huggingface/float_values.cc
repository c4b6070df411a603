#include "common/huggingface/float_values.h"

#include <cmath>
#include <cstring>

namespace strata {
namespace {

// 1 sign, 5 exponent (bias 15), 10 fraction bits.
float FromFloat16(uint16_t bits) {
  const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  float magnitude = 0;
  if (exponent == 31) {
    magnitude = fraction == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    magnitude = std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

// The upper half of an fp32.
float FromBfloat16(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value = 0;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

}  // namespace

bool IsWidened(std::string_view dtype) {
  return dtype == "F32" || dtype == "BF16" || dtype == "F16";
}

void WidenToFloat(const TensorView& tensor, float* values) {
  if (tensor.dtype == "F32") {
    std::memcpy(values, tensor.data, tensor.bytes);
    return;
  }
  const bool is_float16 = tensor.dtype == "F16";
  const auto* from = static_cast<const char*>(tensor.data);
  for (uint64_t i = 0; i < tensor.bytes / sizeof(uint16_t); ++i) {
    uint16_t bits = 0;
    std::memcpy(&bits, from + i * sizeof bits, sizeof bits);
    values[i] = is_float16 ? FromFloat16(bits) : FromBfloat16(bits);
  }
}

}  // namespace strata
