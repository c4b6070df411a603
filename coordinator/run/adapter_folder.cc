#include "coordinator/run/adapter_folder.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/huggingface/adapter_file.h"
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

}  // namespace

absl::StatusOr<std::vector<float>> ReadAdapterFolder(const fs::path& folder, const Config& config,
                                                     const AdapterLayout& layout) {
  RETURN_IF_ERROR(CheckConfig(folder / "adapter_config.json", config));
  absl::StatusOr<std::vector<float>> flat =
      ReadAdapterTensors(folder / "adapter_model.safetensors", layout);
  // Here it is not the branch that is wrong but what was asked for.
  if (absl::IsFailedPrecondition(flat.status()))
    return absl::InvalidArgumentError(flat.status().message());
  return flat;
}

}  // namespace strata
