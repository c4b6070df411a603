// Reads what PEFT writes beside an adapter's tensors: how B·A is scaled, and whether it is plain
// LoRA at all. Takes an adapter's folder; adapters from elsewhere are judged by it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace strata {

struct PeftConfig {
  uint32_t r = 0;
  double lora_alpha = 0;
  bool use_rslora = false;  // B·A is scaled by alpha / √r instead of alpha / r
  double lora_dropout = 0;
  std::string base_model_name;           // "" when it does not say
  std::vector<std::string> unknown_set;  // keys that are set and that this version does not know

  // The alpha by which plain LoRA scales as this does: alpha, or alpha·√r.
  double PlainAlpha() const;
};

// adapter_config.json of `folder`. Which layers it is on is not read here: target_modules may be a
// pattern, the tensors tell. NOT_FOUND when there is none; DATA_LOSS when r or lora_alpha is
// missing or no number above 0; INVALID_ARGUMENT, naming the key and its value, for a kind of
// adapter that is not LoRA alone (DoRA, whole modules or biases trained along, ranks or alphas of
// its own for some layers, a base that its initialisation changed).
absl::StatusOr<PeftConfig> ReadPeftConfig(const std::filesystem::path& folder);

}  // namespace strata
