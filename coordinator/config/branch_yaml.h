// Reads branch.yaml into a Config. Branch_yaml_value.cc is the door to yaml-cpp.
// Model: flat keys, and two lists (tiers, datasets); branch_keys.h is the table of them.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/config/config.h"

namespace strata {

// A larger branch.yaml is refused unread.
inline constexpr size_t kBranchYamlBytesMax = 1 << 20;

// Reads `branch`/branch.yaml, then applies `overrides`, each "KEY=VALUE" with VALUE as YAML; the
// last of a key wins. NOT_FOUND when `branch` has no branch.yaml (says how to make one);
// UNAVAILABLE when it can't be read; FAILED_PRECONDITION with file, line and key for anything in it
// that can't be used: an unknown key names the nearest known one; a key of the field that this
// version does not support says so, and an alias names our key. INVALID_ARGUMENT for an override
// that is not KEY=VALUE, or whose key or value can't be used.
absl::StatusOr<Config> LoadConfig(const std::filesystem::path& branch,
                                  const std::vector<std::string>& overrides);

// Every key that LoadConfig knows at the top level, sorted: frozen by a test, listed by
// deploy/branch.sample.yaml.
std::vector<std::string> KnownKeys();

// Every key with its value as it would stand in branch.yaml on one line, in the order of the sample
// file: printed at the start of a run, and what two configurations are compared by. Paths are
// absolute.
std::vector<std::pair<std::string, std::string>> EffectiveValues(const Config& config);

}  // namespace strata
