// Reads a Hugging Face folder's config.json into a ModelConfig.
#pragma once

#include <filesystem>

#include "absl/status/statusor.h"
#include "common/model_config.h"

namespace strata {

// Reads `folder`/config.json. NOT_FOUND when it is missing; FAILED_PRECONDITION naming the field
// for an architecture that is not known or a field that would change the mathematics and is not
// handled; DATA_LOSS when malformed.
absl::StatusOr<ModelConfig> ReadModelConfig(const std::filesystem::path& folder);

}  // namespace strata
