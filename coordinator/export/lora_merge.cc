#include "coordinator/export/lora_merge.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

// The same numbers from every clone (no product is fused with a sum: see CMakeLists.txt); only
// their speed differs.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define STRATA_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define STRATA_VECTOR_CLONES
#endif

namespace strata {
namespace {

constexpr int64_t kRows = 4;      // whose sums stay in registers at once
constexpr int64_t kLanes = 16;    // columns whose sums do
constexpr int64_t kBlock = 256;   // columns of A that stay in the first cache, at ranks to 32
constexpr int64_t kChunk = 32;    // rows that go over a block before the next is taken
constexpr int64_t kPartMin = 32;  // rows worth a thread

// delta[kRows][kBlock] = B·A of kRows rows of B, as [R, kRows], and a block of A, as [R, kBlock].
STRATA_VECTOR_CLONES
void DeltaOf(const float* __restrict a, const float* __restrict b, int64_t r,
             float* __restrict delta) {
  typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));
  for (int64_t column = 0; column < kBlock; column += kLanes) {
    Lanes sum0{}, sum1{}, sum2{}, sum3{};
    for (int64_t k = 0; k < r; ++k) {
      Lanes lanes;
      std::memcpy(&lanes, a + k * kBlock + column, sizeof lanes);
      sum0 += b[k * kRows] * lanes;
      sum1 += b[k * kRows + 1] * lanes;
      sum2 += b[k * kRows + 2] * lanes;
      sum3 += b[k * kRows + 3] * lanes;
    }
    std::memcpy(delta + column, &sum0, sizeof sum0);
    std::memcpy(delta + kBlock + column, &sum1, sizeof sum1);
    std::memcpy(delta + 2 * kBlock + column, &sum2, sizeof sum2);
    std::memcpy(delta + 3 * kBlock + column, &sum3, sizeof sum3);
  }
}

// Whether all are finite.
template <typename Format>
STRATA_VECTOR_CLONES bool AddDelta(const float* __restrict delta, float scale,
                                   typename Format::Bits* __restrict bits) {
  uint32_t not_finite = 0;
  for (int64_t i = 0; i < kBlock; ++i) {
    const typename Format::Bits sum =
        Format::FromFloat(Format::ToFloat(bits[i]) + scale * delta[i]);
    not_finite |= (sum & Format::kInfinity) == Format::kInfinity;
    bits[i] = sum;
  }
  return not_finite == 0;
}

int64_t Blocks(int64_t columns) { return (columns + kBlock - 1) / kBlock; }

}  // namespace

LoraMerge::LoraMerge(const LoraFactors& factors, NumberFormat format, int threads)
    : factors_(factors),
      format_(format),
      threads_(std::max(1, threads)),
      a_(static_cast<size_t>(Blocks(factors.in) * factors.r * kBlock)) {
  float* packed = a_.data();
  for (int64_t column = 0; column < factors.in; column += kBlock) {
    const auto count = static_cast<size_t>(std::min(kBlock, factors.in - column));
    for (int64_t k = 0; k < factors.r; ++k, packed += kBlock)
      std::memcpy(packed, factors.a_RI + k * factors.in + column, count * sizeof(float));
  }
}

// Rows of B by groups of kRows, each as [R, kRows]; rows beyond the last are zero.
std::vector<float> LoraMerge::PackB(int64_t begin, int64_t count) const {
  const int64_t groups = (count + kRows - 1) / kRows, r = factors_.r;
  std::vector<float> packed(static_cast<size_t>(groups * r * kRows));
  for (int64_t row = 0; row < count; ++row) {
    const float* from = factors_.b_OR + (begin + row) * r;
    float* to = packed.data() + row / kRows * r * kRows + row % kRows;
    for (int64_t k = 0; k < r; ++k) to[k * kRows] = from[k];
  }
  return packed;
}

template <typename Format>
bool LoraMerge::MergePart(int64_t begin, int64_t count, const char* weight, char* merged) const {
  using Bits = typename Format::Bits;
  alignas(64) float delta[kRows * kBlock];
  alignas(64) Bits bits[kBlock] = {};
  const auto row_bytes = factors_.in * static_cast<int64_t>(sizeof(Bits));
  bool finite = true;
  for (int64_t chunk = 0; chunk < count; chunk += kChunk) {
    const int64_t rows = std::min(kChunk, count - chunk);
    const std::vector<float> b = PackB(begin + chunk, rows);
    for (int64_t block = 0; block < Blocks(factors_.in); ++block) {
      const int64_t columns = std::min(kBlock, factors_.in - block * kBlock);
      const auto bytes = static_cast<size_t>(columns) * sizeof(Bits);
      for (int64_t row = 0; row < rows; ++row) {
        if (row % kRows == 0) {
          DeltaOf(a_.data() + block * factors_.r * kBlock, b.data() + row * factors_.r, factors_.r,
                  delta);
        }
        const int64_t at = (chunk + row) * row_bytes + block * kBlock * int64_t{sizeof(Bits)};
        std::memcpy(bits, weight + at, bytes);
        std::fill(bits + columns, bits + kBlock, Bits{0});
        finite &= AddDelta<Format>(delta + row % kRows * kBlock, factors_.scale, bits);
        std::memcpy(merged + at, bits, bytes);
      }
    }
  }
  return finite;
}

bool LoraMerge::MergeRows(int64_t begin, int64_t count, const void* weight, void* merged) const {
  const int64_t row_bytes = factors_.in * BytesOf(format_);
  std::atomic<bool> finite = true;
  const auto merge = [&](int64_t from, int64_t to) {
    const char* in = static_cast<const char*>(weight) + from * row_bytes;
    char* out = static_cast<char*>(merged) + from * row_bytes;
    const auto part = format_ == NumberFormat::kFloat32    ? &LoraMerge::MergePart<Float32>
                      : format_ == NumberFormat::kBfloat16 ? &LoraMerge::MergePart<Bfloat16>
                                                           : &LoraMerge::MergePart<Float16>;
    if (!(this->*part)(begin + from, to - from, in, out)) finite = false;
  };
  const int64_t part = std::max(kPartMin, (count + threads_ - 1) / threads_);
  std::vector<std::thread> others;
  for (int64_t from = part; from < count; from += part)
    others.emplace_back(merge, from, std::min(count, from + part));
  merge(0, std::min(part, count));
  for (std::thread& other : others) other.join();
  return finite;
}

}  // namespace strata
