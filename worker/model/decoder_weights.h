// Holds a base model's weights as the decoder computes with them: what a ModelConfig says is there,
// layer by layer. Takes a WeightSource, gives the decoder tensors that no gradient reaches.
//
// Shapes: V vocabulary, D hidden, I in, O out, C channels of a head.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/model_config.h"
#include "worker/model/frozen_weight.h"
#include "worker/model/weight_source.h"

namespace strata {

struct FrozenLinear {
  at::Tensor weight_OI, bias_O;  // bias undefined where the model has none
  int64_t adapter = -1;     // where lora_A stands in an AdapterLayout; lora_B follows; -1: none
  uint32_t projection = 0;  // its place in ProjectionsOf
};

// Norms that the model does not have are undefined.
struct DecoderLayer {
  at::Tensor attention_norm_D, attention_out_norm_D, mlp_norm_D, mlp_out_norm_D;
  at::Tensor query_norm_C, key_norm_C;
  std::vector<FrozenLinear> qkv;  // q, k and v, or one with their rows in this order
  FrozenLinear output;
  std::vector<FrozenLinear> gate_up;  // gate and up, or one with their rows in this order
  FrozenLinear down;
  int64_t window = 0;  // tokens; 0 is all

  // The adapter's tensors on this layer, as places in an AdapterLayout.
  std::vector<int64_t> AdapterTensors() const;
};

struct DecoderWeights {
  at::Tensor embedding_VD, head_VD, final_norm_D;
  std::vector<DecoderLayer> layers;
};

// Copies every weight of WeightsOf(config). Errors as FrozenWeight. `target_modules` decide where
// the adapter is.
DecoderWeights LoadWeights(const ModelConfig& config,
                           const std::vector<std::string>& target_modules,
                           const WeightSource& source, const Placement& placement);

}  // namespace strata
