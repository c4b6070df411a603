// Converts between the two ways to scale a LoRA update: plain LoRA's alpha / r and rsLoRA's
// alpha / √r (arXiv:2312.03732). Everything that is trained, sent and written for others is in the
// plain way; a branch and its metadata keep what the user has set.
#pragma once

#include <cstdint>

namespace strata {

// The alpha that scales as plain LoRA does, by alpha / r: `lora_alpha` itself, or rsLoRA's · √r.
double PlainAlpha(double lora_alpha, int64_t r, bool use_rslora);

// But for what the root may have rounded.
bool IsSameAlpha(double plain_alpha, double other_plain_alpha);

}  // namespace strata
