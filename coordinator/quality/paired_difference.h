// Says how sure a difference is that was measured on the same questions twice. Takes one difference
// per question, gives `strata ask` a mean and its interval. Pure.
#pragma once

#include <cstdint>
#include <vector>

namespace strata {

struct PairedDifference {
  double mean = 0;
  // 95 % interval of the mean: the 2.5th and 97.5th percentiles of its bootstrap distribution
  // (Efron, Tibshirani: "An Introduction to the Bootstrap", 1993, chapter 13).
  double low = 0, high = 0;
  bool excludes_zero() const { return low > 0 || high < 0; }
};

// Resamples the pairs 10,000 times; the same for the same differences and seed. REQUIRES:
// differences is not empty.
PairedDifference Bootstrap(const std::vector<double>& differences, uint64_t seed);

}  // namespace strata
