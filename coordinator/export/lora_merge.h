// Adds a LoRA delta to a weight: W + scale · B·A, what PEFT's merge_and_unload computes. Takes the
// two factors once and the weight by its rows; MergedWeights writes what it gives.
//
// Shapes: O out, I in, R rank.
// Invariants: a number depends on its row of B and its column of A alone: fp32 products, never
// fused, summed by ascending rank from zero, times scale, plus W, rounded once. So the bytes are
// the same for any number of threads, any cut of the rows and any machine.
#pragma once

#include <cstdint>
#include <vector>

#include "common/number_format.h"

namespace strata {

struct LoraFactors {
  int64_t out = 0, in = 0, r = 0;
  const float* a_RI = nullptr;
  const float* b_OR = nullptr;
  float scale = 1;  // alpha / r
};

class LoraMerge {
 public:
  // Copies A; B is the caller's and outlives this. `threads` compute MergeRows.
  LoraMerge(const LoraFactors& factors, NumberFormat format, int threads);

  // Merges `count` rows from row `begin` on: `weight` and `merged` hold those rows alone, row-major
  // in the format, at any address. False when a number of them is not finite.
  bool MergeRows(int64_t begin, int64_t count, const void* weight, void* merged) const;

 private:
  template <typename Format>
  bool MergePart(int64_t begin, int64_t count, const char* weight, char* merged) const;
  std::vector<float> PackB(int64_t begin, int64_t count) const;

  LoraFactors factors_;
  NumberFormat format_;
  int threads_;
  std::vector<float> a_;  // by blocks of columns, each [R, columns of a block], filled with zeros
};

}  // namespace strata
