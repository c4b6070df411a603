#include "common/rope_json.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr char kLocal[] = "sliding_attention", kGlobal[] = "full_attention";

absl::StatusOr<RopeScaling> ScalingOf(const ConfigFields& rope, const ModelFamily& family) {
  for (const char* field : {"rope_type", "type"}) {
    ASSIGN_OR_RETURN(const std::string type, rope.TextOr(field, ""));
    if (type.empty()) continue;
    if (type == "default") return RopeScaling::kNone;
    // transformers knows no other for Phi-3 than these two.
    const bool phi = family.architecture == "Phi3ForCausalLM";
    if (type == "linear" && !phi) return RopeScaling::kLinear;
    if (type == "llama3" && !phi) return RopeScaling::kLlama3;
    // "su" is what the first Phi-3 models called it.
    if (type == "longrope" || (type == "su" && phi)) return RopeScaling::kLongRope;
    return rope.Refused(field);
  }
  return RopeScaling::kNone;
}

absl::StatusOr<std::vector<double>> FactorsOf(const ConfigFields& rope, const std::string& field,
                                              int64_t count) {
  if (!rope.Has(field)) return absl::DataLossError(absl::StrCat(rope.what(), " has no ", field));
  if (!rope.At(field).is_array()) return rope.Broken(field, "is not a list");
  std::vector<double> factors;
  for (const Json& factor : rope.At(field)) {
    if (!factor.is_number() || !(factor.get<double>() > 0) || !std::isfinite(factor.get<double>()))
      return rope.Broken(field, "holds what is not a positive number");
    factors.push_back(factor.get<double>());
  }
  if (static_cast<int64_t>(factors.size()) != count) {
    return rope.Broken(field,
                       absl::StrCat("has ", factors.size(),
                                    " factors for the channels that turn in pairs, ", count));
  }
  return factors;
}

absl::Status ReadLlama3(const ConfigFields& rope, RopeConfig* config) {
  for (const char* field : {"factor", "low_freq_factor", "high_freq_factor"}) {
    if (!rope.Has(field)) return absl::DataLossError(absl::StrCat(rope.what(), " has no ", field));
  }
  ASSIGN_OR_RETURN(config->factor, rope.PositiveOr("factor", 1));
  ASSIGN_OR_RETURN(config->low_freq_factor, rope.PositiveOr("low_freq_factor", 1));
  ASSIGN_OR_RETURN(config->high_freq_factor, rope.PositiveOr("high_freq_factor", 4));
  if (config->low_freq_factor < config->high_freq_factor) return absl::OkStatus();
  return rope.Broken("low_freq_factor", "is not below high_freq_factor");
}

// The attention factor as the LongRoPE paper has it (Ding et al., 2024), unless it is given.
absl::Status ReadLongRope(const ConfigFields& rope, int64_t positions_max, RopeConfig* config) {
  ASSIGN_OR_RETURN(config->short_factor, FactorsOf(rope, "short_factor", config->channels / 2));
  ASSIGN_OR_RETURN(config->long_factor, FactorsOf(rope, "long_factor", config->channels / 2));
  const auto original = static_cast<double>(config->original_positions);
  ASSIGN_OR_RETURN(const double factor,
                   rope.PositiveOr("factor", static_cast<double>(positions_max) / original));
  const double attention =
      factor <= 1 || original <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(original));
  ASSIGN_OR_RETURN(config->attention_factor, rope.PositiveOr("attention_factor", attention));
  return absl::OkStatus();
}

// `rope` is rope_scaling, rope_parameters or one of its layer types.
absl::Status ReadParameters(const ConfigFields& rope, const ModelFamily& family,
                            const ModelConfig& model, RopeConfig* config) {
  if (rope.Has("mrope_section")) return rope.Refused("mrope_section");
  ASSIGN_OR_RETURN(config->theta, rope.PositiveOr("rope_theta", config->theta));
  ASSIGN_OR_RETURN(const double share,
                   rope.PositiveOr("partial_rotary_factor",
                                   static_cast<double>(config->channels) / model.head_dim));
  if (share != 1 && !family.fields.contains("partial_rotary_factor") &&
      rope.Has("partial_rotary_factor"))
    return rope.Refused("partial_rotary_factor");
  config->channels = static_cast<int64_t>(model.head_dim * share);
  if (config->channels < 2 || config->channels > model.head_dim || config->channels % 2 != 0)
    return rope.Broken("partial_rotary_factor", "leaves no even number of a head's channels");
  ASSIGN_OR_RETURN(config->scaling, ScalingOf(rope, family));
  if (config->original_positions == 0) {
    ASSIGN_OR_RETURN(config->original_positions, rope.SizeOr("original_max_position_embeddings",
                                                             model.max_position_embeddings));
  }
  switch (config->scaling) {
    case RopeScaling::kNone:
      return absl::OkStatus();
    case RopeScaling::kLinear: {
      if (!rope.Has("factor"))
        return absl::DataLossError(absl::StrCat(rope.what(), " has no factor"));
      ASSIGN_OR_RETURN(config->factor, rope.PositiveOr("factor", 1));
      return absl::OkStatus();
    }
    case RopeScaling::kLlama3:
      return ReadLlama3(rope, config);
    case RopeScaling::kLongRope:
      return ReadLongRope(rope, model.max_position_embeddings, config);
  }
  return absl::OkStatus();
}

absl::Status ReadNested(const ConfigFields& rope, const ModelFamily& family, ModelConfig* config) {
  for (const auto& [type, into] : {std::pair<const char*, RopeConfig*>{kGlobal, &config->rope},
                                   {kLocal, &config->local_rope}}) {
    if (!rope.Has(type)) continue;
    if (!rope.At(type).is_object()) return rope.Broken(type, "is not an object");
    RETURN_IF_ERROR(ReadParameters(
        ConfigFields(rope.At(type), absl::StrCat(rope.what(), ".", type)), family, *config, into));
  }
  return absl::OkStatus();
}

// What stands at the top of config.json.
absl::Status ReadTop(const ConfigFields& fields, const ModelFamily& family, ModelConfig* config) {
  config->rope = family.defaults.rope;
  config->rope.channels = config->head_dim;
  config->local_rope = config->rope;
  config->local_rope.original_positions = config->max_position_embeddings;
  if (fields.Has("original_max_position_embeddings")) {
    ASSIGN_OR_RETURN(config->rope.original_positions,
                     fields.Size("original_max_position_embeddings"));
  }
  ASSIGN_OR_RETURN(config->rope.theta, fields.PositiveOr("rope_theta", config->rope.theta));
  ASSIGN_OR_RETURN(const double share, fields.PositiveOr("partial_rotary_factor", 1));
  config->rope.channels = static_cast<int64_t>(config->head_dim * share);
  ASSIGN_OR_RETURN(config->local_rope.theta,
                   fields.PositiveOr("rope_local_base_freq", family.local_rope_theta));
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadRope(const ConfigFields& fields, const ModelFamily& family, ModelConfig* config) {
  RETURN_IF_ERROR(ReadTop(fields, family, config));
  // transformers lets rope_scaling win where a file has both, unless it is empty.
  const bool scaled = fields.Has("rope_scaling") && !fields.At("rope_scaling").empty();
  const std::string field = scaled ? "rope_scaling" : "rope_parameters";
  const Json none = Json::object();
  const Json& rope = fields.Has(field) ? fields.At(field) : none;
  if (!rope.is_object()) return fields.Broken(field, "is not an object");
  const ConfigFields parameters(rope, absl::StrCat(fields.what(), ": ", field));
  const bool nested = parameters.Has(kGlobal) || parameters.Has(kLocal);
  if (nested && !family.has_local_rope)
    return parameters.Refused(parameters.Has(kGlobal) ? kGlobal : kLocal);
  RETURN_IF_ERROR(nested ? ReadNested(parameters, family, config)
                         : ReadParameters(parameters, family, *config, &config->rope));
  if (!family.has_local_rope) config->local_rope = config->rope;
  return absl::OkStatus();
}

}  // namespace strata
