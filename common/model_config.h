// Describes a decoder's mathematics as data: what differs between model families is a field here,
// not a subclass. Read from a Hugging Face folder by common/config_json.h; the worker builds its
// decoder from it, the coordinator the layout of its adapter. Needs nothing but the standard
// library.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace strata {

enum class Activation { kSilu, kGeluTanh };  // of the gated feed-forward

// How the rotary frequencies θ^(-2c/C) are changed for contexts beyond those first trained on.
enum class RopeScaling {
  kNone,
  kLinear,    // divided by `factor`
  kLlama3,    // long waves divided by `factor`, short ones left, those between blended
  kLongRope,  // divided by `short_factor` or `long_factor`, channel by channel
};

struct RopeConfig {
  double theta = 10000.0;
  int64_t channels = 0;  // of a head, from the first on, that turn: even; 0 is all
  RopeScaling scaling = RopeScaling::kNone;
  double factor = 1;
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3: waves longer than original / low are
                                                     // long, shorter than original / high short
  int64_t original_positions = 0;                    // llama3, longrope: tokens
  std::vector<double> short_factor, long_factor;     // longrope: channels / 2 each; the long ones
                                                     // for sequences beyond original_positions
  double attention_factor = 1;                       // multiplies cosine and sine
  bool operator==(const RopeConfig&) const = default;
};

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
  bool tie_word_embeddings = false;
  std::string dtype;  // "float32", "bfloat16" or "float16": of the weights on disk

  Activation activation = Activation::kSilu;
  RopeConfig rope;        // of layers that see everything
  RopeConfig local_rope;  // of layers with a window; in most families the same
  // Per layer: tokens that a token attends to, itself the last of them; 0 is all before it. Empty
  // when no layer has a window.
  std::vector<int64_t> windows;
  double attention_scale = 0;    // scores are q·k times it; 0 is 1 / √head_dim
  double attention_softcap = 0;  // c: scores become c · tanh(score / c); 0 leaves them
  double final_softcap = 0;      // of the logits likewise
  double embedding_scale = 1;    // multiplies the embeddings, rounded to the dtype computed in

  bool qkv_bias = false, output_bias = false, mlp_bias = false;
  bool fused_projections = false;  // qkv_proj and gate_up_proj in the place of q, k, v; gate, up
  bool query_key_norm = false;     // each head's queries and keys are normalised before they turn
  bool norm_plus_one = false;      // norms multiply by 1 + weight, in fp32
  bool output_norms = false;       // what attention and feed-forward give is normalised, too
  bool operator==(const ModelConfig&) const = default;
};

// A linear layer that LoRA may sit on.
struct Projection {
  std::string path;  // "model.layers.0.self_attn.q_proj"
  std::string name;  // "q_proj"
  int64_t in = 0, out = 0;
  bool bias = false;
};

// Every projection of the decoder, layer by layer: q, k, v, o, gate, up, down; where they are fused
// qkv, o, gate_up, down.
std::vector<Projection> ProjectionsOf(const ModelConfig& config);

// The names of ProjectionsOf, each once.
std::vector<std::string> ProjectionNames(const ModelConfig& config);

// One tensor of the base.
struct WeightShape {
  std::string name;  // "model.norm.weight"
  std::vector<int64_t> shape;
};

// Every tensor that the decoder reads. Others, such as rotary frequencies that old files hold, are
// not looked at.
std::vector<WeightShape> WeightsOf(const ModelConfig& config);

// Weights multiplied per token: all projections and the head, without the embedding's look-up.
int64_t LinearWeights(const ModelConfig& config);

}  // namespace strata
