#include "coordinator/run/base.h"

#include <cstring>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config_json.h"
#include "common/huggingface/base_weights.h"
#include "common/lora_scale.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr char kPutBack[] =
    "; put the old values back in branch.yaml, or make the adapter anew with these: strata rebuild";

const char* Scaling(bool use_rslora) { return use_rslora ? " (use_rslora)" : ""; }

absl::Status CheckWeight(const BaseWeights& weights, const std::string& name,
                         const std::vector<int64_t>& shape) {
  const TensorView* found = weights.Find(name);
  if (found == nullptr) {
    return absl::DataLossError(
        absl::StrCat("the base's weights have no ", name, ", which its config.json implies"));
  }
  if (found->shape == shape) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the base's ", name, " is [", absl::StrJoin(found->shape, ", "),
                   "], its config.json implies [", absl::StrJoin(shape, ", "), "]"));
}

// Every weight that the decoder will ask for, before anything is launched.
absl::Status CheckWeights(const BaseWeights& weights, const ModelConfig& model) {
  for (const WeightShape& weight : WeightsOf(model))
    RETURN_IF_ERROR(CheckWeight(weights, weight.name, weight.shape));
  return absl::OkStatus();
}

// transformers ties the head to the embeddings only where the file does not hold another one.
absl::Status CheckTiedHead(const BaseWeights& weights, const ModelConfig& model) {
  const TensorView* head = weights.Find("lm_head.weight");
  const TensorView* embedding = weights.Find("model.embed_tokens.weight");
  if (!model.tie_word_embeddings || head == nullptr) return absl::OkStatus();
  if (head->dtype == embedding->dtype && head->bytes == embedding->bytes &&
      std::memcmp(head->data, embedding->data, head->bytes) == 0)
    return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the base's lm_head.weight is not its model.embed_tokens.weight, though tie_word_embeddings "
      "of its config.json says so: set it to false there, or leave lm_head.weight out of the file");
}

// Empty for versions that were committed before the metadata told it.
std::set<std::string> TargetsOf(const Json& metadata) {
  std::set<std::string> targets;
  const absl::StatusOr<const Json*> list = JsonNested(metadata, "lora_target_modules", "it");
  if (!list.ok()) return targets;
  for (const Json& target : **list) {
    if (target.is_string()) targets.insert(target.get<std::string>());
  }
  return targets;
}

absl::Status CheckBase(const Config& config, const Base& base, const std::string& name,
                       const Digest& trained_on) {
  if (trained_on == base.fingerprint) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the base model is not the one that ", name, " was trained on: it was ", trained_on.Hex(),
      ", ", config.model_name_or_path.string(), " is ", base.fingerprint.Hex(),
      "; put the old base back, or make the adapter anew on this one with `strata rebuild`"));
}

absl::Status CheckSettings(const Config& config, const Base& base, const std::string& name,
                           const Json& metadata) {
  const std::string what = name + "'s training_metadata.json";
  ASSIGN_OR_RETURN(const double alpha, JsonNumber(metadata, "lora_alpha", what));
  ASSIGN_OR_RETURN(const int64_t rank, JsonInteger(metadata, "lora_r", what));
  // Versions that were committed before there was rsLoRA do not tell it.
  const bool rslora = JsonBool(metadata, "use_rslora", what).value_or(false);
  if (rank != static_cast<int64_t>(config.lora_r) ||
      !IsSameAlpha(PlainAlpha(alpha, rank, rslora),
                   PlainAlpha(config.lora_alpha, config.lora_r, config.use_rslora))) {
    return absl::FailedPreconditionError(
        absl::StrCat("lora_r and lora_alpha are ", config.lora_r, " and ", config.lora_alpha,
                     Scaling(config.use_rslora), ", ", name, " was trained with ", rank, " and ",
                     alpha, Scaling(rslora), kPutBack));
  }
  // As a set: PEFT and the layout do not know their order.
  const std::set<std::string> ours(base.target_modules.begin(), base.target_modules.end());
  const std::set<std::string> theirs = TargetsOf(metadata);
  if (theirs.empty() || theirs == ours) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("lora_target_modules are ", absl::StrJoin(ours, ", "), ", ", name,
                   " was trained on ", absl::StrJoin(theirs, ", "), kPutBack));
}

absl::Status FindTargets(const Config& config, Base* base) {
  const ModelTargets targets = TargetsOn(base->model, config.lora_target_modules);
  base->target_modules = targets.names;
  if (targets.unmatched.empty()) return absl::OkStatus();
  const char* fused = base->model.fused_projections
                          ? " (q_proj, k_proj and v_proj together mean its qkv_proj, gate_proj and "
                            "up_proj together its gate_up_proj)"
                          : "";
  return absl::FailedPreconditionError(
      absl::StrCat("lora_target_modules: the base has no projection '", targets.unmatched,
                   "'; it has ", absl::StrJoin(ProjectionNames(base->model), ", "), fused));
}

}  // namespace

absl::StatusOr<Base> OpenBase(const Config& config) {
  Base base;
  ASSIGN_OR_RETURN(base.model, ReadModelConfig(config.model_name_or_path));
  RETURN_IF_ERROR(FindTargets(config, &base));
  if (config.max_length > base.model.max_position_embeddings) {
    return absl::FailedPreconditionError(absl::StrCat(
        "max_length is ", config.max_length, ", beyond the base's ",
        base.model.max_position_embeddings, " positions (max_position_embeddings); lower it"));
  }
  ASSIGN_OR_RETURN(const BaseWeights weights, BaseWeights::Open(config.model_name_or_path));
  RETURN_IF_ERROR(CheckWeights(weights, base.model));
  RETURN_IF_ERROR(CheckTiedHead(weights, base.model));
  base.layout = LayoutOf(base.model, {config.lora_r, base.target_modules});
  base.dtype = !config.dtype.empty()            ? config.dtype
               : base.model.dtype == "bfloat16" ? "bfloat16"
                                                : "float32";
  ASSIGN_OR_RETURN(base.fingerprint, BaseFingerprint(config.model_name_or_path,
                                                     config.CacheDir() / "base_sha256.json"));
  ASSIGN_OR_RETURN(base.config_sha256, Sha256OfFile(config.model_name_or_path / "config.json"));
  return base;
}

absl::Status CheckContinues(const Config& config, const Base& base, const BranchStore& store,
                            Version version) {
  const std::string name = VersionName(version);
  const std::optional<Digest> trained_on = store.BaseFingerprintOf(version);
  if (trained_on) RETURN_IF_ERROR(CheckBase(config, base, name, *trained_on));
  ASSIGN_OR_RETURN(const Json metadata, store.Metadata(version));
  return CheckSettings(config, base, name, metadata);
}

absl::Status CheckContinues(const Config& config, const Base& base, const BranchStore& store,
                            const StoredVersion& stored) {
  const std::string name = VersionName(stored.version);
  RETURN_IF_ERROR(CheckBase(config, base, name, stored.manifest.base_fingerprint));
  ASSIGN_OR_RETURN(const Json metadata, store.Metadata(stored));
  return CheckSettings(config, base, name, metadata);
}

}  // namespace strata
