#include "common/huggingface/peft_config.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/lora_scale.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "common/utf8_beginning.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kConfigBytesMax = 16 << 20;
constexpr size_t kShownBytesMax = 80;  // of a value

// What changes the adapter's mathematics beyond scale · B·A, and what is to be done about it.
struct Foreign {
  const char* key;
  const char* about;
};
constexpr Foreign kForeign[] = {
    {"use_dora", "it is a DoRA adapter; train plain LoRA"},
    {"rank_pattern", "some layers have ranks of their own; give all of them one r"},
    {"alpha_pattern", "some layers have alphas of their own; give all of them one lora_alpha"},
    {"modules_to_save", "whole modules were trained along; train without them"},
    {"trainable_token_indices", "tokens of the base were trained along; train without them"},
    {"lora_bias", "it adds biases; train without them"},
    {"layer_replication", "it changes the base's layers; train on the base as it is"},
    {"alora_invocation_tokens", "it is an activated LoRA, which acts on some tokens alone"},
    {"use_qalora", "it is a QA-LoRA adapter; train plain LoRA"},
    {"use_bdlora", "it is a BD-LoRA adapter; train plain LoRA"},
    {"target_parameters", "it sits on single parameters, not on linear layers"},
    {"arrow_config", "it is a router of adapters, not one"},
    {"kasa_config", "it is a KaSA adapter; train plain LoRA"},
    {"monteclora_config", "it is a MonteCLoRA adapter; train plain LoRA"},
};

// Says how it was made or where it sits, which the tensors tell anyway.
constexpr std::array<std::string_view, 26> kHarmless = {"auto_mapping",
                                                        "base_model_name_or_path",
                                                        "bias",
                                                        "corda_config",
                                                        "ensure_weight_tying",
                                                        "eva_config",
                                                        "exclude_modules",
                                                        "fan_in_fan_out",
                                                        "inference_mode",
                                                        "layers_pattern",
                                                        "layers_to_transform",
                                                        "loftq_config",
                                                        "init_lora_weights",
                                                        "lora_alpha",
                                                        "lora_dropout",
                                                        "lora_ga_config",
                                                        "megatron_config",
                                                        "megatron_core",
                                                        "peft_type",
                                                        "peft_version",
                                                        "qalora_group_size",
                                                        "r",
                                                        "revision",
                                                        "target_modules",
                                                        "task_type",
                                                        "use_rslora"};

// Initialisations that take from the base what they give to the adapter, so that the tensors alone
// mean nothing on the base as it is.
constexpr std::string_view kBaseChanging[] = {"pissa", "olora", "corda", "loftq", "lora_ga"};

bool IsSet(const Json& value) {
  if (value.is_null() || value == Json(false)) return false;
  return value.is_structured() ? !value.empty() : value != Json("");
}

absl::Status Refused(const fs::path& file, const std::string& key, const Json& value,
                     absl::string_view about) {
  const std::string shown(Utf8Beginning(DumpJson(value), kShownBytesMax));
  return absl::InvalidArgumentError(absl::StrCat("only plain LoRA can be taken: ", file.string(),
                                                 " has ", key, ": ", shown, "; ", about));
}

// One of few values; a missing key is the first of them.
absl::Status CheckIsOneOf(const fs::path& file, const Json& json, const char* key,
                          const std::vector<Json>& allowed, absl::string_view about) {
  const auto at = json.find(key);
  if (at == json.end() || std::find(allowed.begin(), allowed.end(), *at) != allowed.end())
    return absl::OkStatus();
  return Refused(file, key, *at, about);
}

absl::Status CheckIsPlain(const fs::path& file, const Json& json) {
  RETURN_IF_ERROR(CheckIsOneOf(file, json, "peft_type", {"LORA"}, "it is no LoRA adapter"));
  RETURN_IF_ERROR(CheckIsOneOf(file, json, "task_type", {nullptr, "CAUSAL_LM"},
                               "it is for another task than generating text"));
  RETURN_IF_ERROR(CheckIsOneOf(file, json, "bias", {"none", nullptr},
                               "biases of the base were trained along; train with bias none"));
  for (const Foreign& foreign : kForeign) {
    const auto at = json.find(foreign.key);
    if (at != json.end() && IsSet(*at)) return Refused(file, foreign.key, *at, foreign.about);
  }
  const auto init = json.find("init_lora_weights");
  if (init == json.end() || !init->is_string()) return absl::OkStatus();
  const std::string how = init->get<std::string>();
  for (const std::string_view changing : kBaseChanging) {
    if (std::string_view(how).substr(0, changing.size()) != changing) continue;
    return Refused(file, "init_lora_weights", *init,
                   "it belongs to a base that this initialisation changed; convert it to plain "
                   "LoRA (PEFT: save_pretrained with path_initial_model_for_weight_conversion)");
  }
  return absl::OkStatus();
}

bool IsKnown(const std::string& key) {
  return std::find(kHarmless.begin(), kHarmless.end(), key) != kHarmless.end() ||
         std::any_of(std::begin(kForeign), std::end(kForeign),
                     [&](const Foreign& foreign) { return key == foreign.key; });
}

absl::Status CheckAboveZero(const fs::path& file, const char* key, double value, double max) {
  if (value > 0 && value <= max) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(file.string(), " has ", key, ": ", value,
                                          ", where more than 0 and at most ", max, " is possible"));
}

}  // namespace

double PeftConfig::PlainAlpha() const {
  return strata::PlainAlpha(lora_alpha, r, use_rslora);
}

absl::StatusOr<PeftConfig> ReadPeftConfig(const fs::path& folder) {
  const fs::path file = folder / "adapter_config.json";
  const absl::StatusOr<std::string> text = ReadFile(file, kConfigBytesMax);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(
        absl::StrCat(folder.string(),
                     " has no adapter_config.json, so it is no adapter's folder; give the one "
                     "that PEFT's save_pretrained wrote"));
  }
  if (!text.ok()) return text.status();
  ASSIGN_OR_RETURN(const Json json, ParseJson(*text, file.string()));
  PeftConfig config;
  ASSIGN_OR_RETURN(const int64_t rank, JsonInteger(json, "r", file.string()));
  ASSIGN_OR_RETURN(config.lora_alpha, JsonNumber(json, "lora_alpha", file.string()));
  RETURN_IF_ERROR(CheckAboveZero(file, "r", static_cast<double>(rank), 1 << 20));
  RETURN_IF_ERROR(CheckAboveZero(file, "lora_alpha", config.lora_alpha, 1e9));
  RETURN_IF_ERROR(CheckIsPlain(file, json));
  config.r = static_cast<uint32_t>(rank);
  config.use_rslora = JsonBool(json, "use_rslora", file.string()).value_or(false);
  config.lora_dropout = JsonNumber(json, "lora_dropout", file.string()).value_or(0);
  config.base_model_name = JsonString(json, "base_model_name_or_path", file.string()).value_or("");
  for (const auto& [key, value] : json.items()) {
    if (IsSet(value) && !IsKnown(key)) config.unknown_set.push_back(key);
  }
  return config;
}

}  // namespace strata
