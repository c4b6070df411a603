#include "worker/model/kv_cache.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace strata {
namespace {

constexpr int64_t kRoomMin = 64;  // tokens

// Room for `needed` tokens, with what was there.
at::Tensor Grown(const at::Tensor& old_KPC, int64_t length, int64_t needed,
                 const at::Tensor& like_TKC) {
  const int64_t room = std::max({kRoomMin, needed, 2 * length});
  at::Tensor grown_KPC = at::empty({like_TKC.size(1), room, like_TKC.size(2)}, like_TKC.options());
  if (length > 0) grown_KPC.narrow(1, 0, length).copy_(old_KPC.narrow(1, 0, length));
  return grown_KPC;
}

}  // namespace

void KvCache::Append(size_t layer, const at::Tensor& key_TKC, const at::Tensor& value_TKC) {
  Layer& kept = layers_[layer];
  const int64_t added = key_TKC.size(0), length = kept.length + added;
  if (!kept.keys_KPC.defined() || length > kept.keys_KPC.size(1)) {
    kept.keys_KPC = Grown(kept.keys_KPC, kept.length, length, key_TKC);
    kept.values_KPC = Grown(kept.values_KPC, kept.length, length, value_TKC);
  }
  kept.keys_KPC.narrow(1, kept.length, added).copy_(key_TKC.transpose(0, 1));
  kept.values_KPC.narrow(1, kept.length, added).copy_(value_TKC.transpose(0, 1));
  kept.length = length;
}

at::Tensor KvCache::keys_KPC(size_t layer) const {
  return layers_[layer].keys_KPC.narrow(1, 0, layers_[layer].length);
}

at::Tensor KvCache::values_KPC(size_t layer) const {
  return layers_[layer].values_KPC.narrow(1, 0, layers_[layer].length);
}

}  // namespace strata
