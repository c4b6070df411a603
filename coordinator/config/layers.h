// Reads branch.yaml and the files that it extends as layers of keys, so that many branches share
// defaults. Gives branch_yaml.cc what it applies one over the other.
//
// Model: `extends: PATH` names one file, relative to the file that has it; that file may extend
// another. A nearer file's value replaces a farther one's, key by key; lists (tiers, datasets,
// lora_target_modules) as wholes.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/config/branch_yaml_value.h"

namespace strata {

inline constexpr std::string_view kExtendsKey = "extends";
// More files in a chain are a mistake.
inline constexpr size_t kLayersMax = 8;

struct Layer {
  std::filesystem::path folder;    // absolute: where its relative paths begin
  std::vector<YamlEntry> entries;  // as written, without `extends`
};

// The layers of `branch`/branch.yaml, the farthest first and branch.yaml last. `branch` is
// absolute. Errors as LoadConfig; an extended file that is missing, can't be read, extends itself
// over whatever detour, or sets `name` (which is one branch's own) is FAILED_PRECONDITION.
absl::StatusOr<std::vector<Layer>> ReadLayers(const std::filesystem::path& branch);

}  // namespace strata
