// Judges whether PEFT, vLLM and llama.cpp load an adapter's files as they are, and compute with
// them what was trained. Takes what stands on disk, adapter_config.json and the tensors' names and
// shapes; the version folder refuses what PEFT would not load and records the verdict on the
// others.
//
// Model: a rule that is broken is a sentence that says what to do about it. The rules are those of
// PEFT's LoraConfig, of vLLM's PEFT reader and of llama.cpp's convert_lora_to_gguf.py.
#pragma once

#include <string>
#include <vector>

#include "common/huggingface/safetensors.h"
#include "common/json.h"

namespace strata {

struct LoaderVerdict {
  std::vector<std::string> breaches;  // rules that are broken: it is not loaded, or loaded wrongly
  std::vector<std::string> notes;     // what its user has to do
  bool ok() const { return breaches.empty(); }
};

struct Portability {
  LoaderVerdict peft, vllm, llama_cpp;
};

// Pure; of the tensors only names, dtypes and shapes are looked at. What PEFT's rules break is
// broken for the others too.
Portability PortabilityOf(const Json& adapter_config, const std::vector<TensorView>& tensors);

// {"peft": {"ok": true, "notes": []}, "vllm": …, "llama_cpp": …}; the breaches are the first notes.
Json PortabilityJson(const Portability& portability);

// What such a document says, for people; empty where it is missing.
struct PortabilityText {
  std::vector<std::string> loaders;   // "PEFT", "vLLM (serve with --max-lora-rank 64)", …
  std::vector<std::string> breaches;  // "llama.cpp: …"
};
PortabilityText TextOfPortability(const Json& portability);

}  // namespace strata
