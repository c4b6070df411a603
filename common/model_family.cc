#include "common/model_family.h"

#include <algorithm>

namespace strata {
namespace {

ModelFamily Llama() {
  ModelFamily family;
  family.architecture = "LlamaForCausalLM";
  family.model_type = "llama";
  family.defaults.max_position_embeddings = 2048;
  family.fields = {"attention_bias", "mlp_bias"};
  return family;
}

ModelFamily Mistral() {
  ModelFamily family;
  family.architecture = "MistralForCausalLM";
  family.model_type = "mistral";
  family.defaults.num_key_value_heads = 8;
  family.defaults.max_position_embeddings = 131072;
  family.window_rule = WindowRule::kAll;
  family.sliding_window = 4096;
  family.fields = {"sliding_window"};
  return family;
}

ModelFamily Qwen2() {
  ModelFamily family;
  family.architecture = "Qwen2ForCausalLM";
  family.model_type = "qwen2";
  family.defaults.num_key_value_heads = 32;
  family.defaults.max_position_embeddings = 32768;
  family.defaults.qkv_bias = true;
  family.window_rule = WindowRule::kFromLayer;
  family.sliding_window = 4096;
  family.fields = {"use_sliding_window", "sliding_window", "layer_types"};
  return family;
}

ModelFamily Qwen3() {
  ModelFamily family = Qwen2();
  family.architecture = "Qwen3ForCausalLM";
  family.model_type = "qwen3";
  family.defaults.head_dim = 128;
  family.defaults.qkv_bias = false;
  family.defaults.query_key_norm = true;
  family.fields.insert("attention_bias");
  return family;
}

ModelFamily Phi3() {
  ModelFamily family;
  family.architecture = "Phi3ForCausalLM";
  family.model_type = "phi3";
  family.defaults.max_position_embeddings = 4096;
  family.defaults.rms_norm_eps = 1e-5;
  family.defaults.fused_projections = true;
  family.defaults.rope.original_positions = 4096;
  family.window_rule = WindowRule::kAll;
  family.fields = {"sliding_window", "partial_rotary_factor"};
  return family;
}

ModelFamily Gemma2() {
  ModelFamily family;
  family.architecture = "Gemma2ForCausalLM";
  family.model_type = "gemma2";
  ModelConfig& defaults = family.defaults;
  defaults.num_key_value_heads = 4;
  defaults.head_dim = 256;
  defaults.max_position_embeddings = 8192;
  defaults.tie_word_embeddings = true;
  defaults.activation = Activation::kGeluTanh;
  defaults.norm_plus_one = defaults.output_norms = true;
  defaults.attention_softcap = 50;
  defaults.final_softcap = 30;
  family.window_rule = WindowRule::kAllButEveryNth;
  family.sliding_window = 4096;
  family.full_attention_every = 2;
  family.activation_field = "hidden_activation";
  family.query_pre_attn_scalar = 256;
  family.fields = {
      "attention_bias",          "sliding_window",         "layer_types", "query_pre_attn_scalar",
      "final_logit_softcapping", "attn_logit_softcapping", "hidden_act"};
  return family;
}

ModelFamily Gemma3() {
  ModelFamily family = Gemma2();
  family.architecture = "Gemma3ForCausalLM";
  family.model_type = "gemma3_text";
  ModelConfig& defaults = family.defaults;
  defaults.vocab_size = 262208;
  defaults.max_position_embeddings = 131072;
  defaults.query_key_norm = true;
  defaults.attention_softcap = defaults.final_softcap = 0;
  defaults.rope.theta = 1e6;
  family.full_attention_every = 6;
  family.has_local_rope = true;
  family.local_rope_theta = 10000;
  family.fields.insert({"sliding_window_pattern", "rope_local_base_freq"});
  family.fields.erase("attn_logit_softcapping");
  return family;
}

const std::vector<ModelFamily>& Families() {
  static const auto& families = *new std::vector<ModelFamily>{Llama(), Mistral(), Qwen2(), Qwen3(),
                                                              Phi3(),  Gemma2(),  Gemma3()};
  return families;
}

}  // namespace

const ModelFamily* FamilyOf(const std::string& architecture) {
  const std::vector<ModelFamily>& families = Families();
  const auto at = std::find_if(families.begin(), families.end(), [&](const ModelFamily& family) {
    return family.architecture == architecture;
  });
  return at == families.end() ? nullptr : &*at;
}

std::vector<std::string> Architectures() {
  std::vector<std::string> names;
  for (const ModelFamily& family : Families()) names.push_back(family.architecture);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace strata
