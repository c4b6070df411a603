// Keeps the rotated keys and the values of one sequence, of every layer, so that a new token
// attends to those before it without computing them again. The decoder fills it, whoever generates
// owns it.
//
// Shapes: T new tokens, P tokens so far, K key/value heads, C channels of a head.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace strata {

class KvCache {
 public:
  explicit KvCache(size_t layers) : layers_(layers) {}
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  // Tokens that a layer has; between passes all layers have equally many.
  int64_t length(size_t layer = 0) const { return layers_[layer].length; }
  // Behind those that the layer has. The room grows by doubling.
  void Append(size_t layer, const at::Tensor& key_TKC, const at::Tensor& value_TKC);
  // All so far, [K, P, C], until the next Append. REQUIRES: length(layer) > 0.
  at::Tensor keys_KPC(size_t layer) const;
  at::Tensor values_KPC(size_t layer) const;

 private:
  struct Layer {
    int64_t length = 0;               // tokens
    at::Tensor keys_KPC, values_KPC;  // P is the room here
  };
  std::vector<Layer> layers_;
};

}  // namespace strata
