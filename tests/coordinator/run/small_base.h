// A small base as OpenBase would give it, without files.
#pragma once

#include "coordinator/run/base.h"

namespace strata {

inline Base SmallBase(const Config& config) {
  Base base;
  base.model.architecture = "LlamaForCausalLM";
  base.model.vocab_size = 2048;
  base.model.hidden_size = 256;
  base.model.intermediate_size = 704;
  base.model.num_hidden_layers = 8;
  base.model.num_attention_heads = 8;
  base.model.num_key_value_heads = 2;
  base.model.head_dim = 32;
  base.model.tie_word_embeddings = true;
  base.target_modules = config.lora_target_modules;
  base.layout = LayoutOf(base.model, {config.lora_r, base.target_modules});
  base.dtype = "float32";
  return base;
}

}  // namespace strata
