// Says which tokens end an answer: the one that training closes every answer with, and those that
// the base itself stops at. The worker gets them with what it is to generate.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"

namespace strata {

// `eos_id`, then the eos_token_id (a number or a list) of the folder's generation_config.json, else
// of its config.json; each once. DATA_LOSS when one is no token id.
absl::StatusOr<std::vector<uint32_t>> StopTokens(const std::filesystem::path& base,
                                                 uint32_t eos_id);

}  // namespace strata
