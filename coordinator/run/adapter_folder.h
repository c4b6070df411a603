// Reads an adapter from a folder that this branch need not have made, for `strata evaluate`.
// Strict: an adapter that is not what the branch would train is refused, for its loss would be
// another one's.
#pragma once

#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"
#include "common/adapter_layout.h"
#include "coordinator/config/config.h"

namespace strata {

// The flat adapter of adapter_config.json and adapter_model.safetensors, as PEFT writes them.
// INVALID_ARGUMENT, with what the folder has and what the branch has, when r, lora_alpha or a kind
// of scaling differ, or when the tensors are not exactly those of `layout` in fp32. NOT_FOUND or
// DATA_LOSS when a file is missing or not whole.
absl::StatusOr<std::vector<float>> ReadAdapterFolder(const std::filesystem::path& folder,
                                                     const Config& config,
                                                     const AdapterLayout& layout);

}  // namespace strata
