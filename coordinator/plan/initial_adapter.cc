#include "coordinator/plan/initial_adapter.h"

#include <cmath>

#include "common/keyed_random.h"
#include "common/sha256.h"

namespace strata {

std::vector<float> InitialAdapter(const AdapterLayout& layout, uint64_t seed) {
  std::vector<float> adapter(layout.elements, 0.0f);
  for (const AdapterTensor& tensor : layout.tensors) {
    if (tensor.name.find(".lora_A.") == std::string::npos) continue;
    const PhiloxKey key = PhiloxKeyOf(MixKey(MixKey(0, seed), Sha256Of(tensor.name).Prefix64()));
    const float bound = 1.0f / std::sqrt(static_cast<float>(tensor.columns));
    float* const values = adapter.data() + tensor.offset;
    PhiloxCounter words{};
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      const auto block = static_cast<uint64_t>(i) / words.size();
      if (i % words.size() == 0) {
        words =
            Philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0}, key);
      }
      values[i] = (2.0f * UnitFloat(words[i % words.size()]) - 1.0f) * bound;
    }
  }
  return adapter;
}

}  // namespace strata
