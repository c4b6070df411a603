#include "worker/bench/folder_model.h"

#include <filesystem>
#include <stdexcept>
#include <utility>

#include "common/config_json.h"
#include "common/huggingface/base_weights.h"

namespace strata {
namespace {

template <typename T>
T OrThrow(absl::StatusOr<T> result) {
  if (!result.ok()) throw std::runtime_error(std::string(result.status().message()));
  return *std::move(result);
}

class FolderWeights final : public WeightSource {
 public:
  explicit FolderWeights(const std::filesystem::path& folder)
      : weights_(OrThrow(BaseWeights::Open(folder))) {}
  WeightView Get(const std::string& name) const override {
    const TensorView* tensor = weights_.Find(name);
    if (tensor == nullptr) throw std::runtime_error("the base model has no weight " + name);
    return {tensor->dtype, tensor->shape, tensor->data};
  }
  bool Has(const std::string& name) const override { return weights_.Find(name) != nullptr; }

 private:
  BaseWeights weights_;
};

}  // namespace

FolderModel OpenFolderModel(const std::string& base) {
  const std::filesystem::path path(base);
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return {OrThrow(ReadModelConfig(path)), std::make_unique<FolderWeights>(path)};
  if (path.filename() != "config.json")
    throw std::runtime_error("'" + base +
                             "' is no folder, no config.json, and not tiny, 100m, 1b or 8b");
  return {OrThrow(ReadModelConfig(std::filesystem::absolute(path).parent_path())), nullptr};
}

}  // namespace strata
