// Says how the decoders of one architecture differ from Llama's, and what a config.json of it
// leaves unsaid: a table, one row a family. Takes the name in `architectures`, gives config_json.h
// what it reads the other fields by. The defaults are those of transformers' configuration classes.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "common/model_config.h"

namespace strata {

// Which layers attend within a window where config.json has no layer_types.
enum class WindowRule {
  kNone,            // the family has no windows
  kAll,             // every layer, where sliding_window is set
  kFromLayer,       // from max_window_layers on, where use_sliding_window is set
  kAllButEveryNth,  // every `full_attention_every`-th layer sees everything
};

struct ModelFamily {
  std::string architecture;
  std::string model_type;  // that config.json has beside it
  // What is said by the architecture alone, and what config.json may leave out: sizes of 0 follow
  // from others (num_key_value_heads from the heads, head_dim from hidden_size).
  ModelConfig defaults;
  WindowRule window_rule = WindowRule::kNone;
  int64_t sliding_window = 0;        // when config.json does not name it; 0 is none
  int64_t full_attention_every = 0;  // kAllButEveryNth, when config.json does not name it
  bool has_local_rope = false;       // layers with a window have rotary frequencies of their own
  double local_rope_theta = 0;       // its default
  std::string activation_field = "hidden_act";
  double query_pre_attn_scalar = 0;  // scores are divided by its root; 0 is head_dim
  // Fields beyond those every family has that config.json may set to other than a neutral value.
  std::set<std::string> fields;
};

// Null for an architecture that is not known. Lives for ever.
const ModelFamily* FamilyOf(const std::string& architecture);

// "Gemma2ForCausalLM", …, sorted.
std::vector<std::string> Architectures();

}  // namespace strata
