#include "worker/model/keyed_dropout.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "common/keyed_random.h"

// The same integers from every clone; only their speed differs.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define STRATA_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define STRATA_VECTOR_CLONES
#endif

namespace strata {
namespace {

constexpr int64_t kLanes = 8;    // channels per counter
constexpr int64_t kBlocks = 16;  // counters computed side by side
constexpr int64_t kTokensPerTask = 8;

// Philox of kBlocks counters that differ in their last word, one array per word so that the
// compiler vectorises.
STRATA_VECTOR_CLONES
void MaskBlocks(const uint32_t* counter, const uint32_t* key, uint32_t keep, uint8_t* kept) {
  uint32_t a[kBlocks], b[kBlocks], c[kBlocks], d[kBlocks];
  for (int i = 0; i < kBlocks; ++i) {
    a[i] = counter[0], b[i] = counter[1], c[i] = counter[2], d[i] = counter[3] + i;
  }
  uint32_t key0 = key[0], key1 = key[1];
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < kBlocks; ++i) {
      const uint64_t product0 = uint64_t{0xD2511F53} * a[i];
      const uint64_t product1 = uint64_t{0xCD9E8D57} * c[i];
      a[i] = static_cast<uint32_t>(product1 >> 32) ^ b[i] ^ key0;
      b[i] = static_cast<uint32_t>(product1);
      c[i] = static_cast<uint32_t>(product0 >> 32) ^ d[i] ^ key1;
      d[i] = static_cast<uint32_t>(product0);
    }
    key0 += 0x9E3779B9, key1 += 0xBB67AE85;
  }
  const uint32_t* words[4] = {a, b, c, d};
  for (int w = 0; w < 4; ++w) {
    for (int i = 0; i < kBlocks; ++i) {
      kept[i * kLanes + 2 * w] = (words[w][i] & 0xFFFF) < keep;
      kept[i * kLanes + 2 * w + 1] = (words[w][i] >> 16) < keep;
    }
  }
}

template <typename Bits>
STRATA_VECTOR_CLONES void KeepBits(const Bits* x, const uint8_t* mask, Bits* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = x[i] & static_cast<Bits>(0 - static_cast<Bits>(mask[i]));
}

template <typename Bits>
at::Tensor KeptBits(const at::Tensor& x, const at::Tensor& mask) {
  at::Tensor out = at::empty_like(x);
  const auto* from = static_cast<const Bits*>(x.const_data_ptr());
  auto* to = static_cast<Bits*>(out.data_ptr());
  const uint8_t* keep = mask.const_data_ptr<uint8_t>();
  at::parallel_for(0, x.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
    KeepBits(from + begin, keep + begin, to + begin, end - begin);
  });
  return out;
}

}  // namespace

DropoutRate QuantisedRate(double dropout) {
  const double keep = std::round((1.0 - dropout) * 65536.0);
  return {static_cast<uint32_t>(std::clamp(keep, 1.0, 65536.0))};
}

uint64_t StepDropoutKey(uint64_t stage_key, uint32_t epoch, uint32_t step) {
  return MixKey(MixKey(stage_key, epoch), step);
}

at::Tensor KeepMask(const MaskPurpose& purpose, DropoutRate rate,
                    const std::vector<TokenPlace>& places, int64_t channels) {
  const int64_t tokens = static_cast<int64_t>(places.size());
  at::Tensor mask = at::empty({tokens, channels}, at::kByte);
  uint8_t* const out = mask.data_ptr<uint8_t>();
  const PhiloxKey key = PhiloxKeyOf(purpose.step_key);
  at::parallel_for(0, tokens, kTokensPerTask, [&](int64_t begin, int64_t end) {
    uint8_t kept[kBlocks * kLanes];
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t channel = 0; channel < channels; channel += kBlocks * kLanes) {
        const PhiloxCounter counter = {places[t].row, places[t].position, purpose.projection,
                                       static_cast<uint32_t>(channel / kLanes)};
        MaskBlocks(counter.data(), key.data(), rate.keep, kept);
        const int64_t n = std::min(channels - channel, kBlocks * kLanes);
        std::copy(kept, kept + n, out + t * channels + channel);
      }
    }
  });
  return mask;
}

at::Tensor Kept(const at::Tensor& x, const at::Tensor& mask) {
  if (x.is_cpu() && x.is_contiguous() && x.scalar_type() == at::kFloat)
    return KeptBits<uint32_t>(x, mask);
  if (x.is_cpu() && x.is_contiguous() && x.scalar_type() == at::kBFloat16)
    return KeptBits<uint16_t>(x, mask);
  return x * mask;
}

}  // namespace strata
