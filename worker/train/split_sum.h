// Splits numbers that need more than fp32 into two floats, so that they can travel through an fp32
// reduction.
#pragma once

#include <cstdint>

namespace strata {

struct SplitSum {
  float high = 0, low = 0;
};

// The nearest float and what it lacks. Sums of highs and of lows join again; each sum still rounds
// to fp32.
inline SplitSum Split(double value) {
  const float high = static_cast<float>(value);
  return {high, static_cast<float>(value - high)};
}

inline double Joined(SplitSum sum) { return static_cast<double>(sum.high) + sum.low; }

// Counts split at 2^12: their sums are exact while they stay under 2^36.
inline SplitSum SplitCount(int64_t count) {
  return {static_cast<float>(count >> 12), static_cast<float>(count & 0xFFF)};
}

inline int64_t JoinedCount(SplitSum sum) {
  return (static_cast<int64_t>(sum.high) << 12) + static_cast<int64_t>(sum.low);
}

}  // namespace strata
