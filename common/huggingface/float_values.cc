#include "common/huggingface/float_values.h"

#include <cstring>

#include "common/number_format.h"

namespace strata {
bool IsWidened(std::string_view dtype) { return NumberFormatOf(dtype).has_value(); }

void WidenToFloat(const TensorView& tensor, float* values) {
  if (tensor.bytes == 0) return;  // `values` may be null then
  if (tensor.dtype == "F32") {
    std::memcpy(values, tensor.data, tensor.bytes);
    return;
  }
  const bool is_float16 = tensor.dtype == "F16";
  const auto* from = static_cast<const char*>(tensor.data);
  for (uint64_t i = 0; i < tensor.bytes / sizeof(uint16_t); ++i) {
    uint16_t bits = 0;
    std::memcpy(&bits, from + i * sizeof bits, sizeof bits);
    values[i] = is_float16 ? Float16::ToFloat(bits) : Bfloat16::ToFloat(bits);
  }
}

}  // namespace strata
