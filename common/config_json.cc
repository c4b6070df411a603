#include "common/config_json.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config_fields.h"
#include "common/json.h"
#include "common/layer_windows.h"
#include "common/model_family.h"
#include "common/posix_file.h"
#include "common/rope_json.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr int64_t kLayersMax = 1024;
constexpr uint64_t kConfigBytesMax = 1 << 24;

// A field that changes the mathematics of some model, and the value that changes nothing.
struct NeutralValue {
  const char* field;
  Json value;
};

const std::vector<NeutralValue>& NeutralValues() {
  static const auto& values = *new std::vector<NeutralValue>{{"attention_bias", false},
                                                             {"attention_chunk_size", nullptr},
                                                             {"attention_dropout", 0},
                                                             {"attention_multiplier", 1},
                                                             {"attn_logit_softcapping", nullptr},
                                                             {"audio_config", nullptr},
                                                             {"clip_qkv", nullptr},
                                                             {"compression_config", nullptr},
                                                             {"embd_pdrop", 0},
                                                             {"embedding_multiplier", 1},
                                                             {"final_logit_softcapping", nullptr},
                                                             {"is_causal", true},
                                                             {"kv_lora_rank", nullptr},
                                                             {"lm_head_bias", false},
                                                             {"logit_scale", 1},
                                                             {"logits_scaling", 1},
                                                             {"mlp_bias", false},
                                                             {"moe_intermediate_size", nullptr},
                                                             {"n_routed_experts", nullptr},
                                                             {"no_rope_layers", nullptr},
                                                             {"num_experts", nullptr},
                                                             {"num_local_experts", nullptr},
                                                             {"partial_rotary_factor", 1},
                                                             {"pretraining_tp", 1},
                                                             {"pruned_heads", nullptr},
                                                             {"qk_norm", false},
                                                             {"qkv_bias", false},
                                                             {"quantization", nullptr},
                                                             {"quantization_config", nullptr},
                                                             {"query_pre_attn_scalar", nullptr},
                                                             {"resid_pdrop", 0},
                                                             {"residual_multiplier", 1},
                                                             {"rope_interleaved", false},
                                                             {"sliding_window", nullptr},
                                                             {"text_config", nullptr},
                                                             {"use_bidirectional_attention", false},
                                                             {"use_mrope", false},
                                                             {"use_qk_norm", false},
                                                             {"use_sliding_window", false},
                                                             {"vision_config", nullptr}};
  return values;
}

// What would change the mathematics and is not read for this family is refused by its name.
absl::Status CheckFields(const ConfigFields& fields, const ModelFamily& family) {
  for (const auto& [field, neutral] : NeutralValues()) {
    if (fields.Has(field) && !family.fields.contains(field) && fields.At(field) != neutral)
      return fields.Refused(field);
  }
  if (fields.Has("layer_types") && !family.fields.contains("layer_types")) {
    if (!fields.At("layer_types").is_array()) return fields.Refused("layer_types");
    for (const Json& type : fields.At("layer_types"))
      if (type != "full_attention") return fields.Refused("layer_types");
  }
  return absl::OkStatus();
}

bool Fit(const ConfigFields& fields, const ModelConfig& config) {
  const int64_t heads = config.num_attention_heads;
  const bool divides = fields.Has("head_dim") || config.head_dim * heads == config.hidden_size ||
                       config.hidden_size % heads == 0;
  return config.num_hidden_layers <= kLayersMax && divides && config.head_dim > 0 &&
         config.head_dim % 2 == 0 && heads % config.num_key_value_heads == 0 &&
         heads * config.head_dim <= ConfigFields::kSizeMax;
}

absl::Status ReadSizes(const ConfigFields& fields, const ModelConfig& defaults,
                       ModelConfig* config) {
  ASSIGN_OR_RETURN(config->vocab_size, defaults.vocab_size > 0
                                           ? fields.SizeOr("vocab_size", defaults.vocab_size)
                                           : fields.Size("vocab_size"));
  ASSIGN_OR_RETURN(config->hidden_size, fields.Size("hidden_size"));
  ASSIGN_OR_RETURN(config->intermediate_size, fields.Size("intermediate_size"));
  ASSIGN_OR_RETURN(config->num_hidden_layers, fields.Size("num_hidden_layers"));
  ASSIGN_OR_RETURN(config->num_attention_heads, fields.Size("num_attention_heads"));
  const int64_t heads = config->num_attention_heads;
  // A null says "as many as heads" in every family; only a missing field leaves the default.
  const int64_t kv_heads = defaults.num_key_value_heads;
  const bool unsaid = !fields.Names("num_key_value_heads") && kv_heads > 0;
  ASSIGN_OR_RETURN(config->num_key_value_heads,
                   fields.SizeOr("num_key_value_heads", unsaid ? kv_heads : heads));
  const int64_t head_dim = defaults.head_dim > 0 ? defaults.head_dim : config->hidden_size / heads;
  ASSIGN_OR_RETURN(config->head_dim, fields.SizeOr("head_dim", head_dim));
  ASSIGN_OR_RETURN(config->max_position_embeddings,
                   fields.SizeOr("max_position_embeddings", defaults.max_position_embeddings));
  if (Fit(fields, *config)) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      fields.what(), ": its sizes do not fit one another: hidden_size ", config->hidden_size,
      ", num_hidden_layers ", config->num_hidden_layers, ", num_attention_heads ", heads,
      ", num_key_value_heads ", config->num_key_value_heads, ", head_dim ", config->head_dim));
}

absl::Status ReadDtype(const ConfigFields& fields, ModelConfig* config) {
  config->dtype = "float32";
  for (const char* field : {"torch_dtype", "dtype"}) {
    ASSIGN_OR_RETURN(config->dtype, fields.TextOr(field, config->dtype));
    if (config->dtype != "float32" && config->dtype != "bfloat16" && config->dtype != "float16")
      return fields.Refused(field);
  }
  return absl::OkStatus();
}

absl::Status ReadActivation(const ConfigFields& fields, const std::string& field,
                            ModelConfig* config) {
  if (!fields.Has(field)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string name, fields.TextOr(field, ""));
  if (name != "silu" && name != "gelu_pytorch_tanh") return fields.Refused(field);
  config->activation = name == "silu" ? Activation::kSilu : Activation::kGeluTanh;
  return absl::OkStatus();
}

// 0 where the field is null.
absl::StatusOr<double> SoftcapOf(const ConfigFields& fields, const std::string& field,
                                 double otherwise) {
  if (fields.Names(field) && !fields.Has(field)) return 0;
  return fields.PositiveOr(field, otherwise);
}

absl::Status ReadScales(const ConfigFields& fields, const ModelFamily& family,
                        ModelConfig* config) {
  ASSIGN_OR_RETURN(
      const double scalar,
      fields.PositiveOr("query_pre_attn_scalar", family.query_pre_attn_scalar > 0
                                                     ? family.query_pre_attn_scalar
                                                     : static_cast<double>(config->head_dim)));
  config->attention_scale = std::pow(scalar, -0.5);
  ASSIGN_OR_RETURN(config->attention_softcap,
                   SoftcapOf(fields, "attn_logit_softcapping", config->attention_softcap));
  ASSIGN_OR_RETURN(config->final_softcap,
                   SoftcapOf(fields, "final_logit_softcapping", config->final_softcap));
  // Gemma alone scales its embeddings, and alone adds 1 to its norms.
  if (config->norm_plus_one)
    config->embedding_scale = std::sqrt(static_cast<double>(config->hidden_size));
  return absl::OkStatus();
}

absl::Status ReadSwitches(const ConfigFields& fields, ModelConfig* config) {
  ASSIGN_OR_RETURN(const bool attention_bias, fields.BoolOr("attention_bias", false));
  config->qkv_bias |= attention_bias;
  config->output_bias |= attention_bias;
  ASSIGN_OR_RETURN(config->mlp_bias, fields.BoolOr("mlp_bias", false));
  ASSIGN_OR_RETURN(config->rms_norm_eps, fields.PositiveOr("rms_norm_eps", config->rms_norm_eps));
  ASSIGN_OR_RETURN(config->tie_word_embeddings,
                   fields.BoolOr("tie_word_embeddings", config->tie_word_embeddings));
  return absl::OkStatus();
}

absl::StatusOr<const ModelFamily*> ReadFamily(const ConfigFields& fields) {
  const bool named = fields.Has("architectures") && fields.At("architectures").is_array() &&
                     fields.At("architectures").size() == 1 &&
                     fields.At("architectures")[0].is_string();
  const std::string name = named ? fields.At("architectures")[0].get<std::string>() : "";
  if (const ModelFamily* family = FamilyOf(name)) {
    ASSIGN_OR_RETURN(const std::string type, fields.TextOr("model_type", family->model_type));
    if (type == family->model_type) return family;
    return absl::FailedPreconditionError(
        absl::StrCat(fields.what(), ": model_type is ", type, ", its architecture ", name,
                     " is of ", family->model_type, ": transformers would load another model"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      fields.what(), ": architectures is ", named ? name : "missing or not one name",
      ", which this version does not handle; it handles ", absl::StrJoin(Architectures(), ", ")));
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
  const ConfigFields fields(json, what);
  ASSIGN_OR_RETURN(const ModelFamily* family, ReadFamily(fields));
  RETURN_IF_ERROR(CheckFields(fields, *family));
  ModelConfig config = family->defaults;
  config.architecture = family->architecture;
  RETURN_IF_ERROR(ReadSizes(fields, family->defaults, &config));
  RETURN_IF_ERROR(ReadRope(fields, *family, &config));
  RETURN_IF_ERROR(ReadWindows(fields, *family, &config));
  RETURN_IF_ERROR(ReadDtype(fields, &config));
  RETURN_IF_ERROR(ReadActivation(fields, family->activation_field, &config));
  RETURN_IF_ERROR(ReadScales(fields, *family, &config));
  RETURN_IF_ERROR(ReadSwitches(fields, &config));
  return config;
}

}  // namespace strata
