#include "worker/bench/random_weights.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <stdexcept>

#include "common/keyed_random.h"

namespace strata {
namespace {

constexpr uint64_t kKey = 20251117;
constexpr int64_t kBeginnings = 1 << 16;  // places where a matrix may begin

uint16_t Bfloat16(float value) {
  return static_cast<uint16_t>((std::bit_cast<uint32_t>(value) + 0x8000) >> 16);
}

std::vector<uint16_t> UniformValues(int64_t count, int64_t width) {
  std::vector<uint16_t> values(static_cast<size_t>(count));
  const float most = std::sqrt(3.0f / static_cast<float>(width));
  const PhiloxKey key = PhiloxKeyOf(MixKey(kKey, static_cast<uint64_t>(width)));
  at::parallel_for(0, (count + 3) / 4, 1 << 14, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const PhiloxCounter words =
          Philox({static_cast<uint32_t>(i), static_cast<uint32_t>(i >> 32), 0, 0}, key);
      for (int64_t k = 4 * i; k < std::min(4 * i + 4, count); ++k)
        values[static_cast<size_t>(k)] = Bfloat16((2 * UnitFloat(words[k % 4]) - 1) * most);
    }
  });
  return values;
}

bool EndsWith(const std::string& name, const std::string& end) {
  return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

RandomWeights::RandomWeights(const ModelConfig& config) : norm_plus_one_(config.norm_plus_one) {
  std::map<int64_t, int64_t> counts;  // of the largest matrix of each width
  int64_t longest = 0;
  for (const WeightShape& weight : WeightsOf(config)) {
    shapes_[weight.name] = weight.shape;
    if (weight.shape.size() == 1) {
      longest = std::max(longest, weight.shape[0]);
    } else {
      int64_t& count = counts[weight.shape[1]];
      count = std::max(count, weight.shape[0] * weight.shape[1]);
    }
  }
  for (const auto& [width, count] : counts)
    matrices_[width] = UniformValues(count + kBeginnings, width);
  ones_.assign(static_cast<size_t>(longest), Bfloat16(1));
  zeros_.assign(static_cast<size_t>(longest), 0);
}

WeightView RandomWeights::Get(const std::string& name) const {
  const auto found = shapes_.find(name);
  if (found == shapes_.end()) throw std::runtime_error("this shape of model has no weight " + name);
  const std::vector<int64_t>& shape = found->second;
  if (shape.size() == 1) {
    const bool is_zero = EndsWith(name, ".bias") || norm_plus_one_;
    return {"BF16", shape, is_zero ? zeros_.data() : ones_.data()};
  }
  const size_t begin = std::hash<std::string>()(name) % kBeginnings;
  return {"BF16", shape, matrices_.at(shape[1]).data() + begin};
}

}  // namespace strata
