#include "coordinator/run/adapter_folder.h"

#include <cstring>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/huggingface/safetensors.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/status_macros.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kConfigBytesMax = 16 << 20;

absl::Status CheckEqual(const fs::path& file, const Json& json, const char* key, double ours) {
  ASSIGN_OR_RETURN(const double theirs, JsonNumber(json, key, file.string()));
  if (theirs == ours) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the adapter does not fit this branch: ", key,
                                                 " is ", theirs, " in ", file.string(), ", ", ours,
                                                 " in branch.yaml"));
}

// PEFT's other ways to scale B·A are not this program's.
absl::Status CheckScaling(const fs::path& file, const Json& json) {
  for (const char* key : {"use_rslora", "use_dora", "rank_pattern", "alpha_pattern"}) {
    const auto at = json.find(key);
    const bool off = at == json.end() || at->is_null() || *at == Json(false) || at->empty();
    if (off) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the adapter does not fit this branch: ", file.string(), " sets ", key,
                     ", which this version does not compute"));
  }
  return absl::OkStatus();
}

absl::Status CheckConfig(const fs::path& file, const Config& config) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kConfigBytesMax));
  ASSIGN_OR_RETURN(const Json json, ParseJson(text, file.string()));
  RETURN_IF_ERROR(CheckEqual(file, json, "r", config.lora_r));
  RETURN_IF_ERROR(CheckEqual(file, json, "lora_alpha", config.lora_alpha));
  return CheckScaling(file, json);
}

std::string Shape(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// `view` is null when the file does not have the tensor.
absl::Status CheckTensor(const fs::path& file, const AdapterTensor& tensor,
                         const TensorView* view) {
  const std::vector<int64_t> shape = {tensor.rows, tensor.columns};
  if (view != nullptr && view->dtype == "F32" && view->shape == shape) return absl::OkStatus();
  const std::string has = view == nullptr ? "has no such tensor"
                                          : absl::StrCat("has ", view->dtype, Shape(view->shape));
  return absl::InvalidArgumentError(
      absl::StrCat("the adapter does not fit this branch: ", tensor.name, " is to be F32",
                   Shape(shape), ", ", file.string(), " ", has));
}

}  // namespace

absl::StatusOr<std::vector<float>> ReadAdapterFolder(const fs::path& folder, const Config& config,
                                                     const AdapterLayout& layout) {
  RETURN_IF_ERROR(CheckConfig(folder / "adapter_config.json", config));
  const fs::path path = folder / "adapter_model.safetensors";
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
  std::map<std::string, const TensorView*> views;
  for (const TensorView& view : file.tensors()) views[view.name] = &view;
  std::vector<float> flat(static_cast<size_t>(layout.elements));
  for (const AdapterTensor& tensor : layout.tensors) {
    const auto at = views.find(tensor.name);
    RETURN_IF_ERROR(CheckTensor(path, tensor, at == views.end() ? nullptr : at->second));
    std::memcpy(flat.data() + tensor.offset, at->second->data, at->second->bytes);
    views.erase(at);
  }
  if (views.empty()) return flat;
  return absl::InvalidArgumentError(absl::StrCat(
      "the adapter does not fit this branch: ", path.string(), " has ", views.size(),
      " tensors beyond lora_target_modules of branch.yaml, the first is ", views.begin()->first));
}

}  // namespace strata
