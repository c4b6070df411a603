#include "worker/model/embedding_noise.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/keyed_random.h"

namespace strata {
namespace {

constexpr uint32_t kNoise = 0xFFFFFFFF;  // where dropout's counters have a projection
constexpr int64_t kLanes = 4;            // channels per counter
constexpr int64_t kTokensPerTask = 8;

std::vector<float> BoundsOf(double alpha, const std::vector<int64_t>& lengths, int64_t channels) {
  std::vector<float> bounds;
  for (const int64_t length : lengths) {
    const double size = static_cast<double>(length) * static_cast<double>(channels);
    bounds.insert(bounds.end(), static_cast<size_t>(length),
                  static_cast<float>(alpha / std::sqrt(size)));
  }
  return bounds;
}

}  // namespace

at::Tensor EmbeddingNoise(uint64_t step_key, double alpha, const PackedTokens& tokens,
                          int64_t channels) {
  const auto count = static_cast<int64_t>(tokens.places.size());
  const std::vector<float> bounds = BoundsOf(alpha, tokens.example_lengths, channels);
  at::Tensor noise_TD = at::empty({count, channels}, at::kFloat);
  float* const out = noise_TD.data_ptr<float>();
  const PhiloxKey key = PhiloxKeyOf(step_key);
  at::parallel_for(0, count, kTokensPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t channel = 0; channel < channels; channel += kLanes) {
        const PhiloxCounter words = Philox({tokens.places[t].row, tokens.places[t].position, kNoise,
                                            static_cast<uint32_t>(channel / kLanes)},
                                           key);
        for (int64_t i = 0; i < std::min(kLanes, channels - channel); ++i)
          out[t * channels + channel + i] = (2 * UnitFloat(words[i]) - 1) * bounds[t];
      }
    }
  });
  return noise_TD;
}

}  // namespace strata
