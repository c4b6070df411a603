#include "common/config_json.h"

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr int64_t kSizeMax = 1 << 24;  // of any dimension: beyond every published model
constexpr int64_t kLayersMax = 1024;
constexpr uint64_t kConfigBytesMax = 1 << 24;

absl::Status Refused(const std::string& what, const std::string& field, const std::string& value) {
  return absl::FailedPreconditionError(
      absl::StrCat(what, ": ", field, " is ", value,
                   ", which this version does not handle; use a base without it"));
}

bool Has(const Json& json, const char* key) { return json.contains(key) && !json[key].is_null(); }

absl::StatusOr<int64_t> Size(const Json& json, const char* key, const std::string& what) {
  ASSIGN_OR_RETURN(const int64_t size, JsonInteger(json, key, what));
  if (size < 1 || size > kSizeMax) {
    return absl::DataLossError(absl::StrCat(what, ": ", key, " is out of range: ", size));
  }
  return size;
}

absl::StatusOr<int64_t> SizeOr(const Json& json, const char* key, int64_t otherwise,
                               const std::string& what) {
  if (!Has(json, key)) return otherwise;
  return Size(json, key, what);
}

// What would change the mathematics is refused by its name.
absl::Status CheckFields(const Json& json, const std::string& what) {
  const Json no_bias = false, no_dropout = 0, silu = "silu", one = 1;
  const std::pair<const char*, const Json*> handled[] = {
      {"attention_bias", &no_bias},       {"mlp_bias", &no_bias},
      {"attention_dropout", &no_dropout}, {"hidden_act", &silu},
      {"pretraining_tp", &one},           {"partial_rotary_factor", &one},
      {"use_sliding_window", &no_bias},   {"use_qk_norm", &no_bias}};
  for (const auto& [field, value] : handled) {
    if (Has(json, field) && json[field] != *value)
      return Refused(what, field, DumpJson(json[field]));
  }
  for (const char* field : {"quantization_config", "sliding_window", "vision_config", "num_experts",
                            "num_local_experts"}) {
    if (Has(json, field)) return Refused(what, field, DumpJson(json[field]));
  }
  return absl::OkStatus();
}

absl::Status ReadTheta(const Json& json, const std::string& what, ModelConfig* config) {
  if (!Has(json, "rope_theta")) return absl::OkStatus();
  ASSIGN_OR_RETURN(config->rope_theta, JsonNumber(json, "rope_theta", what));
  if (config->rope_theta > 0) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(what, ": rope_theta is ", config->rope_theta));
}

// Both spellings: rope_theta with rope_scaling, and rope_parameters.
absl::Status ReadRope(const Json& json, const std::string& what, ModelConfig* config) {
  RETURN_IF_ERROR(ReadTheta(json, what, config));
  for (const char* field : {"rope_scaling", "rope_parameters"}) {
    if (!Has(json, field)) continue;
    const Json& rope = json[field];
    if (!rope.is_object())
      return absl::DataLossError(absl::StrCat(what, ": ", field, " is not an object"));
    for (const char* key : {"rope_type", "type"}) {
      if (Has(rope, key) && rope[key] != "default")
        return Refused(what, absl::StrCat(field, ".", key), DumpJson(rope[key]));
    }
    if (Has(rope, "partial_rotary_factor") && rope["partial_rotary_factor"] != 1) {
      return Refused(what, absl::StrCat(field, ".partial_rotary_factor"),
                     DumpJson(rope["partial_rotary_factor"]));
    }
    RETURN_IF_ERROR(ReadTheta(rope, what, config));
  }
  return absl::OkStatus();
}

absl::Status ReadSizes(const Json& json, const std::string& what, ModelConfig* config) {
  ASSIGN_OR_RETURN(config->vocab_size, Size(json, "vocab_size", what));
  ASSIGN_OR_RETURN(config->hidden_size, Size(json, "hidden_size", what));
  ASSIGN_OR_RETURN(config->intermediate_size, Size(json, "intermediate_size", what));
  ASSIGN_OR_RETURN(config->num_hidden_layers, Size(json, "num_hidden_layers", what));
  ASSIGN_OR_RETURN(config->num_attention_heads, Size(json, "num_attention_heads", what));
  ASSIGN_OR_RETURN(config->num_key_value_heads,
                   SizeOr(json, "num_key_value_heads", config->num_attention_heads, what));
  const int64_t heads = config->num_attention_heads;
  ASSIGN_OR_RETURN(config->head_dim, SizeOr(json, "head_dim", config->hidden_size / heads, what));
  ASSIGN_OR_RETURN(config->max_position_embeddings,
                   SizeOr(json, "max_position_embeddings", 2048, what));
  const bool divides = Has(json, "head_dim") || config->hidden_size % heads == 0;
  if (config->num_hidden_layers > kLayersMax || !divides || config->head_dim % 2 != 0 ||
      config->head_dim == 0 || heads % config->num_key_value_heads != 0 ||
      heads * config->head_dim > kSizeMax) {
    return absl::DataLossError(absl::StrCat(
        what, ": its sizes do not fit one another: hidden_size ", config->hidden_size,
        ", num_hidden_layers ", config->num_hidden_layers, ", num_attention_heads ", heads,
        ", num_key_value_heads ", config->num_key_value_heads, ", head_dim ", config->head_dim));
  }
  return absl::OkStatus();
}

absl::Status ReadDtype(const Json& json, const std::string& what, ModelConfig* config) {
  config->dtype = "float32";
  for (const char* field : {"torch_dtype", "dtype"}) {
    if (!Has(json, field)) continue;
    ASSIGN_OR_RETURN(config->dtype, JsonString(json, field, what));
    if (config->dtype != "float32" && config->dtype != "bfloat16" && config->dtype != "float16") {
      return Refused(what, field, config->dtype);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelConfig> ReadModelConfig(const std::filesystem::path& folder) {
  const std::string what = (folder / "config.json").string();
  const absl::StatusOr<std::string> text = ReadFile(what, kConfigBytesMax);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(absl::StrCat("no base model at ", folder.string(),
                                            ": it has no config.json; set "
                                            "model_name_or_path to a Hugging Face folder"));
  }
  RETURN_IF_ERROR(text.status());
  ASSIGN_OR_RETURN(const Json json, ParseJson(*text, what));
  if (!json.is_object()) return absl::DataLossError(what + " is not a JSON object");
  ModelConfig config;
  const bool named = json.contains("architectures") && json["architectures"].is_array() &&
                     json["architectures"].size() == 1 && json["architectures"][0].is_string();
  config.architecture = named ? json["architectures"][0].get<std::string>() : "";
  if (config.architecture != "LlamaForCausalLM") {
    return Refused(what, "architectures", named ? config.architecture : "missing or not one name");
  }
  RETURN_IF_ERROR(CheckFields(json, what));
  RETURN_IF_ERROR(ReadSizes(json, what, &config));
  RETURN_IF_ERROR(ReadRope(json, what, &config));
  RETURN_IF_ERROR(ReadDtype(json, what, &config));
  if (Has(json, "rms_norm_eps")) {
    ASSIGN_OR_RETURN(config.rms_norm_eps, JsonNumber(json, "rms_norm_eps", what));
  }
  if (Has(json, "tie_word_embeddings")) {
    ASSIGN_OR_RETURN(config.tie_word_embeddings, JsonBool(json, "tie_word_embeddings", what));
  }
  return config;
}

}  // namespace strata
