#include "common/lora_scale.h"

#include <cmath>

namespace strata {

double PlainAlpha(double lora_alpha, int64_t r, bool use_rslora) {
  return use_rslora ? lora_alpha * std::sqrt(static_cast<double>(r)) : lora_alpha;
}

bool IsSameAlpha(double plain_alpha, double other_plain_alpha) {
  return std::abs(plain_alpha - other_plain_alpha) <= 1e-9 * std::abs(plain_alpha);
}

}  // namespace strata
