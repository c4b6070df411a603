// Makes the adapter that a branch begins with. The coordinator alone does this: workers always
// fetch.
#pragma once

#include <cstdint>
#include <vector>

#include "common/adapter_layout.h"

namespace strata {

// Flat fp32 values in the layout's order: every lora_A uniform in ±1/√in (Kaiming with a = √5, as
// PEFT's default), every lora_B zero. A pure function of seed, tensor name and element.
std::vector<float> InitialAdapter(const AdapterLayout& layout, uint64_t seed);

}  // namespace strata
