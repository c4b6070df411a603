// Reads branch.yaml into a Config. The door to yaml-cpp.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/config/config.h"

namespace strata {

// Reads `branch`/branch.yaml, then applies `overrides`, each "KEY=VALUE" with VALUE as YAML.
// NOT_FOUND when `branch` has no branch.yaml (says how to make one); FAILED_PRECONDITION with file, line and key for
// anything in it that can't be used: an unknown key names the nearest known one; a key of the field that this version
// does not support says so. INVALID_ARGUMENT for an override that is not KEY=VALUE.
absl::StatusOr<Config> LoadConfig(const std::filesystem::path& branch, const std::vector<std::string>& overrides);

// Every key that LoadConfig knows at the top level, sorted: frozen by a test, listed by deploy/branch.sample.yaml.
std::vector<std::string> KnownKeys();

}  // namespace strata
