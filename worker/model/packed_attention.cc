#include "worker/model/packed_attention.h"

#include <ATen/ATen.h>

#include <optional>
#include <tuple>

namespace strata {
namespace {

constexpr int64_t kFlashChannelsMax = 256, kFlashAlignment = 8, kEfficientAlignment = 4;
constexpr int64_t kCausalFromTopLeft = 1;  // of _efficient_attention_forward's mask types

bool IsHalf(const at::Tensor& x) {
  return x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf;
}

at::Tensor Flash(const at::Tensor& query_THC, const at::Tensor& key_TKC,
                 const at::Tensor& value_TKC, const Examples& examples, const ScoreRule& rule) {
  std::optional<int64_t> left, right;
  if (rule.window > 0) left = rule.window - 1, right = 0;
  return std::get<0>(at::_flash_attention_forward(
      query_THC.contiguous(), key_TKC.contiguous(), value_TKC.contiguous(), examples.bounds,
      examples.bounds, examples.longest, examples.longest, /*dropout_p=*/0, /*is_causal=*/true,
      /*return_debug_mask=*/false, rule.scale, left, right));
}

at::Tensor Efficient(const at::Tensor& query_THC, const at::Tensor& key_THC,
                     const at::Tensor& value_THC, const Examples& examples, double scale) {
  const auto batched = [](const at::Tensor& x_THC) { return x_THC.contiguous().unsqueeze(0); };
  return std::get<0>(at::_efficient_attention_forward(
                         batched(query_THC), batched(key_THC), batched(value_THC), std::nullopt,
                         examples.bounds, examples.bounds, examples.longest, examples.longest,
                         /*dropout_p=*/0, kCausalFromTopLeft, /*compute_log_sumexp=*/true, scale))
      .squeeze(0);
}

}  // namespace

bool CanAttendPacked(const at::Tensor& query_THC, const Examples& examples, const ScoreRule& rule) {
  if (!query_THC.is_cuda() || rule.softcap > 0) return false;
  const int64_t channels = query_THC.size(2);
  if (IsHalf(query_THC)) return channels % kFlashAlignment == 0 && channels <= kFlashChannelsMax;
  const bool windowed = rule.window > 0 && rule.window < examples.longest;
  return channels % kEfficientAlignment == 0 && !windowed;
}

at::Tensor PackedAttention(const at::Tensor& query_THC, const at::Tensor& key_TKC,
                           const at::Tensor& value_TKC, const Examples& examples,
                           const ScoreRule& rule) {
  if (IsHalf(query_THC)) return Flash(query_THC, key_TKC, value_TKC, examples, rule);
  const int64_t heads = query_THC.size(1);
  return Efficient(query_THC, ForEveryQueryHead(key_TKC, heads),
                   ForEveryQueryHead(value_TKC, heads), examples, rule.scale);
}

}  // namespace strata
