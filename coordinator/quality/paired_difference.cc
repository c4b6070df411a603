#include "coordinator/quality/paired_difference.h"

#include <algorithm>
#include <numeric>

#include "common/keyed_random.h"

namespace strata {
namespace {

constexpr uint32_t kResamples = 10000;

double MeanOf(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double ResampledMean(const std::vector<double>& values, uint32_t resample, PhiloxKey key) {
  double sum = 0;
  const uint64_t count = values.size();
  for (uint64_t i = 0; i < count; i += 4) {
    const PhiloxCounter words =
        Philox({static_cast<uint32_t>(i), static_cast<uint32_t>(i >> 32), resample, 0}, key);
    for (uint64_t lane = 0; lane < 4 && i + lane < count; ++lane)
      sum += values[words[lane] * count >> 32];
  }
  return sum / static_cast<double>(count);
}

}  // namespace

PairedDifference Bootstrap(const std::vector<double>& differences, uint64_t seed) {
  std::vector<double> means(kResamples);
  for (uint32_t resample = 0; resample < kResamples; ++resample)
    means[resample] = ResampledMean(differences, resample, PhiloxKeyOf(seed));
  std::sort(means.begin(), means.end());
  const auto percentile = [&](double share) {
    return means[static_cast<size_t>(share * (kResamples - 1) + 0.5)];
  };
  return {MeanOf(differences), percentile(0.025), percentile(0.975)};
}

}  // namespace strata
