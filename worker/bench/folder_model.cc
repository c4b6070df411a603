#include "worker/bench/folder_model.h"

#include <filesystem>
#include <stdexcept>
#include <utility>

#include "common/config_json.h"
#include "worker/base/base_weight_source.h"

namespace strata {
namespace {

template <typename T>
T OrThrow(absl::StatusOr<T> result) {
  if (!result.ok()) throw std::runtime_error(std::string(result.status().message()));
  return *std::move(result);
}

}  // namespace

FolderModel OpenFolderModel(const std::string& base) {
  const std::filesystem::path path(base);
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return {OrThrow(ReadModelConfig(path)), std::make_unique<BaseWeightSource>(path.string())};
  if (path.filename() != "config.json")
    throw std::runtime_error("'" + base +
                             "' is no folder, no config.json, and not tiny, 100m, 1b or 8b");
  return {OrThrow(ReadModelConfig(std::filesystem::absolute(path).parent_path())), nullptr};
}

}  // namespace strata
