#include "common/model_config.h"

namespace strata {

std::vector<Projection> ProjectionsOf(const ModelConfig& config) {
  const int64_t hidden = config.hidden_size, ffn = config.intermediate_size;
  const int64_t query = config.num_attention_heads * config.head_dim;
  const int64_t key_value = config.num_key_value_heads * config.head_dim;
  std::vector<Projection> projections;
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const std::string at = "model.layers." + std::to_string(layer);
    projections.push_back({at + ".self_attn.q_proj", "q_proj", hidden, query});
    projections.push_back({at + ".self_attn.k_proj", "k_proj", hidden, key_value});
    projections.push_back({at + ".self_attn.v_proj", "v_proj", hidden, key_value});
    projections.push_back({at + ".self_attn.o_proj", "o_proj", query, hidden});
    projections.push_back({at + ".mlp.gate_proj", "gate_proj", hidden, ffn});
    projections.push_back({at + ".mlp.up_proj", "up_proj", hidden, ffn});
    projections.push_back({at + ".mlp.down_proj", "down_proj", ffn, hidden});
  }
  return projections;
}

int64_t LinearWeights(const ModelConfig& config) {
  int64_t weights = config.vocab_size * config.hidden_size;
  for (const Projection& projection : ProjectionsOf(config))
    weights += projection.in * projection.out;
  return weights;
}

}  // namespace strata
