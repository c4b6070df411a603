#include "common/config_json.h"

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr int64_t kSizeMax = 1 << 24;  // of any dimension: beyond every published model

absl::Status Refused(const std::string& what, const std::string& field, const std::string& value) {
  return absl::FailedPreconditionError(
      absl::StrCat(what, ": ", field, " is ", value,
                   ", which this version does not handle; use a base without it"));
}

absl::StatusOr<int64_t> Size(const Json& json, const char* key, const std::string& what) {
  ASSIGN_OR_RETURN(const int64_t size, JsonInteger(json, key, what));
  if (size < 1 || size > kSizeMax) {
    return absl::DataLossError(absl::StrCat(what, ": ", key, " is out of range: ", size));
  }
  return size;
}

absl::StatusOr<int64_t> SizeOr(const Json& json, const char* key, int64_t otherwise,
                               const std::string& what) {
  const auto at = json.find(key);
  if (at == json.end() || at->is_null()) return otherwise;
  return Size(json, key, what);
}

// What would change the mathematics is refused by its name.
absl::Status CheckFields(const Json& json, const std::string& what) {
  for (const char* field : {"attention_bias", "mlp_bias"}) {
    if (json.contains(field) && json[field] != false)
      return Refused(what, field, DumpJson(json[field]));
  }
  for (const char* field :
       {"quantization_config", "sliding_window", "vision_config", "num_experts"}) {
    if (json.contains(field) && !json[field].is_null())
      return Refused(what, field, DumpJson(json[field]));
  }
  if (json.contains("hidden_act") && json["hidden_act"] != "silu") {
    return Refused(what, "hidden_act", DumpJson(json["hidden_act"]));
  }
  if (json.contains("pretraining_tp") && json["pretraining_tp"] != 1) {
    return Refused(what, "pretraining_tp", DumpJson(json["pretraining_tp"]));
  }
  return absl::OkStatus();
}

// Both spellings: rope_theta with rope_scaling, and rope_parameters.
absl::Status ReadRope(const Json& json, const std::string& what, ModelConfig* config) {
  if (json.contains("rope_theta")) {
    ASSIGN_OR_RETURN(config->rope_theta, JsonNumber(json, "rope_theta", what));
  }
  for (const char* field : {"rope_scaling", "rope_parameters"}) {
    if (!json.contains(field) || json[field].is_null()) continue;
    const Json& rope = json[field];
    if (!rope.is_object())
      return absl::DataLossError(absl::StrCat(what, ": ", field, " is not an object"));
    const char* key = rope.contains("rope_type") ? "rope_type" : "type";
    if (rope.contains(key) && rope[key] != "default") {
      return Refused(what, absl::StrCat(field, ".", key), DumpJson(rope[key]));
    }
    if (rope.contains("rope_theta")) {
      ASSIGN_OR_RETURN(config->rope_theta, JsonNumber(rope, "rope_theta", what));
    }
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
  ASSIGN_OR_RETURN(
      config->head_dim,
      SizeOr(json, "head_dim", config->hidden_size / config->num_attention_heads, what));
  ASSIGN_OR_RETURN(config->max_position_embeddings,
                   SizeOr(json, "max_position_embeddings", 2048, what));
  if (config->num_hidden_layers > 1024 || config->head_dim % 2 != 0 ||
      config->num_attention_heads % config->num_key_value_heads != 0) {
    return absl::DataLossError(
        absl::StrCat(what, ": layers, heads and head_dim do not fit one another"));
  }
  return absl::OkStatus();
}

absl::Status ReadDtype(const Json& json, const std::string& what, ModelConfig* config) {
  config->dtype = "float32";
  for (const char* field : {"torch_dtype", "dtype"}) {
    if (!json.contains(field) || json[field].is_null()) continue;
    ASSIGN_OR_RETURN(config->dtype, JsonString(json, field, what));
    if (config->dtype != "float32" && config->dtype != "bfloat16" && config->dtype != "float16") {
      return Refused(what, field, config->dtype);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelConfig> ReadModelConfig(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "config.json";
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    return absl::NotFoundError(absl::StrCat("no base model at ", folder.string(),
                                            ": it has no config.json; set "
                                            "model_name_or_path to a Hugging Face folder"));
  }
  std::stringstream text;
  text << stream.rdbuf();
  const std::string what = file.string();
  ASSIGN_OR_RETURN(const Json json, ParseJson(text.str(), what));
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
  if (json.contains("rms_norm_eps")) {
    ASSIGN_OR_RETURN(config.rms_norm_eps, JsonNumber(json, "rms_norm_eps", what));
  }
  if (json.contains("tie_word_embeddings")) {
    ASSIGN_OR_RETURN(config.tie_word_embeddings, JsonBool(json, "tie_word_embeddings", what));
  }
  return config;
}

}  // namespace strata
