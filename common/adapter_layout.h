// Lays an adapter's tensors out in one flat fp32 buffer: the order in which they travel, are
// reduced, updated and hashed. Both programs compute it from the same ModelConfig and LoRA
// settings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/model_config.h"

namespace strata {

struct LoraShape {
  int64_t r = 0;
  std::vector<std::string> target_modules;
};

struct AdapterTensor {
  std::string name;  // "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
  int64_t rows = 0, columns = 0;  // lora_A is [r, in], lora_B is [out, r]; row-major
  int64_t offset = 0;             // elements from the beginning of the flat buffer
  int64_t elements() const { return rows * columns; }
};

struct AdapterLayout {
  std::vector<AdapterTensor>
      tensors;           // per projection of ProjectionsOf that is a target: A, then B
  int64_t elements = 0;  // trainable parameters: Σ r·(in + out)
};

// Targets that match no projection are left out: ask TargetsOn first.
AdapterLayout LayoutOf(const ModelConfig& config, const LoraShape& shape);

// The projections of a model that the names asked for mean.
struct ModelTargets {
  std::vector<std::string> names;  // as ProjectionNames has them and in its order
  std::string unmatched;           // the first asked name that has no projection; "" when each has
};

// Each name means the projection of that name. Where a model fuses projections, q_proj, k_proj and
// v_proj together mean its qkv_proj, gate_proj and up_proj together its gate_up_proj, as users of
// PEFT name them there; some of them alone have no projection.
ModelTargets TargetsOn(const ModelConfig& config, const std::vector<std::string>& asked);

}  // namespace strata
