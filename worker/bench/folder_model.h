// Opens a Hugging Face folder, or the config.json of one, for `step_bench`. Stands apart, so that
// abseil and libtorch are not seen by one source file, and the engine alone builds without it.
#pragma once

#include <memory>
#include <string>

#include "common/model_config.h"
#include "worker/model/weight_source.h"

namespace strata {

struct FolderModel {
  ModelConfig config;
  std::unique_ptr<WeightSource> weights;  // null when `base` is a config.json
};

// Throws std::runtime_error that says what is missing or malformed.
FolderModel OpenFolderModel(const std::string& base);

}  // namespace strata
