// Describes a decoder's mathematics as data: what differs between model families is a field here,
// not a subclass. Read from a Hugging Face folder by common/config_json.h; the worker builds its
// decoder from it, the coordinator the layout of its adapter. Needs nothing but the standard
// library.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace strata {

struct ModelConfig {
  std::string architecture;  // "LlamaForCausalLM"
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t head_dim = 0;
  int64_t max_position_embeddings = 0;  // tokens
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000.0;
  bool tie_word_embeddings = false;
  std::string dtype;  // "float32", "bfloat16" or "float16": of the weights on disk
};

// A linear layer that LoRA may sit on.
struct Projection {
  std::string path;  // "model.layers.0.self_attn.q_proj"
  std::string name;  // "q_proj"
  int64_t in = 0, out = 0;
};

// Every projection of the decoder, layer by layer: q, k, v, o, gate, up, down.
std::vector<Projection> ProjectionsOf(const ModelConfig& config);

// Weights multiplied per token: all projections and the head, without the embedding's look-up.
int64_t LinearWeights(const ModelConfig& config);

}  // namespace strata
