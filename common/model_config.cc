#include "common/model_config.h"

#include <algorithm>

namespace strata {
namespace {

std::string LayerPath(int64_t layer) { return "model.layers." + std::to_string(layer); }

// The names of a layer's norms over the hidden width.
std::vector<std::string> NormNames(const ModelConfig& config) {
  if (!config.output_norms) return {"input_layernorm", "post_attention_layernorm"};
  return {"input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
          "post_feedforward_layernorm"};
}

}  // namespace

std::vector<Projection> ProjectionsOf(const ModelConfig& config) {
  const int64_t hidden = config.hidden_size, ffn = config.intermediate_size;
  const int64_t query = config.num_attention_heads * config.head_dim;
  const int64_t key_value = config.num_key_value_heads * config.head_dim;
  std::vector<Projection> projections;
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const auto add = [&](const std::string& room, const std::string& name, int64_t in, int64_t out,
                         bool bias) {
      projections.push_back({LayerPath(layer) + room + name, name, in, out, bias});
    };
    if (config.fused_projections) {
      add(".self_attn.", "qkv_proj", hidden, query + 2 * key_value, config.qkv_bias);
    } else {
      add(".self_attn.", "q_proj", hidden, query, config.qkv_bias);
      add(".self_attn.", "k_proj", hidden, key_value, config.qkv_bias);
      add(".self_attn.", "v_proj", hidden, key_value, config.qkv_bias);
    }
    add(".self_attn.", "o_proj", query, hidden, config.output_bias);
    if (config.fused_projections) {
      add(".mlp.", "gate_up_proj", hidden, 2 * ffn, config.mlp_bias);
    } else {
      add(".mlp.", "gate_proj", hidden, ffn, config.mlp_bias);
      add(".mlp.", "up_proj", hidden, ffn, config.mlp_bias);
    }
    add(".mlp.", "down_proj", ffn, hidden, config.mlp_bias);
  }
  return projections;
}

std::vector<std::string> ProjectionNames(const ModelConfig& config) {
  std::vector<std::string> names;
  for (const Projection& projection : ProjectionsOf(config)) {
    if (std::find(names.begin(), names.end(), projection.name) == names.end())
      names.push_back(projection.name);
  }
  return names;
}

std::vector<WeightShape> WeightsOf(const ModelConfig& config) {
  const int64_t hidden = config.hidden_size, vocabulary = config.vocab_size;
  std::vector<WeightShape> weights = {{"model.embed_tokens.weight", {vocabulary, hidden}},
                                      {"model.norm.weight", {hidden}}};
  if (!config.tie_word_embeddings) weights.push_back({"lm_head.weight", {vocabulary, hidden}});
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    for (const std::string& norm : NormNames(config))
      weights.push_back({LayerPath(layer) + "." + norm + ".weight", {hidden}});
    if (!config.query_key_norm) continue;
    for (const char* norm : {"q_norm", "k_norm"})
      weights.push_back({LayerPath(layer) + ".self_attn." + norm + ".weight", {config.head_dim}});
  }
  for (const Projection& projection : ProjectionsOf(config)) {
    weights.push_back({projection.path + ".weight", {projection.out, projection.in}});
    if (projection.bias) weights.push_back({projection.path + ".bias", {projection.out}});
  }
  return weights;
}

int64_t LinearWeights(const ModelConfig& config) {
  int64_t weights = config.vocab_size * config.hidden_size;
  for (const Projection& projection : ProjectionsOf(config))
    weights += projection.in * projection.out;
  return weights;
}

}  // namespace strata
