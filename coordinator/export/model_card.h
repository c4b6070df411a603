// Writes the README.md that the Hugging Face Hub shows of an export, and what else an export says
// of how it is served. Takes what a version's own files tell; states nothing that was not measured.
#pragma once

#include <cstdint>
#include <string>

#include "common/json.h"

namespace strata {

struct CardFacts {
  std::string version;       // "v0012"
  bool merged = false;       // else an adapter alone
  bool has_template = true;  // chat_template.jinja is there
  Json adapter_config;       // as the version holds it
  Json metadata;             // training_metadata.json
};

std::string ModelCard(const CardFacts& facts);

// vLLM takes no adapter of a higher rank.
inline constexpr int64_t kVllmLoraRankMax = 512;

// The least --max-lora-rank that vLLM takes an adapter of rank `r` with; `r` itself beyond the
// largest (vLLM has no such choice then).
int64_t VllmMaxLoraRank(int64_t r);

}  // namespace strata
