#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/plan/plan.h"

namespace strata {
namespace {

constexpr char kWhat[] = "the stored plan";
const std::vector<std::string> kSchedules = {"cosine",
                                             "linear",
                                             "constant",
                                             "cosine_with_min_lr",
                                             "constant_with_warmup",
                                             "warmup_stable_decay"};
const std::vector<std::string> kDecays = {"cosine", "linear", "1-sqrt"};

Json StageToJson(const StagePlan& stage) {
  return {{"dataset", stage.dataset},
          {"tier", stage.tier},
          {"sha256", stage.sha256.Hex()},
          {"pass", stage.pass},
          {"learning_rate", stage.learning_rate},
          {"held_out_examples", stage.held_out_examples},
          {"held_out_tokens", stage.held_out_tokens},
          {"held_out_steps", stage.held_out_steps},
          {"steps", stage.steps},
          {"complete_epochs", stage.complete_epochs},
          {"rows", stage.rows},
          {"warmup_steps", stage.warmup_steps},
          {"decay_steps", stage.decay_steps},
          {"tokens", stage.tokens},
          {"supervised_tokens", stage.supervised_tokens},
          {"bad_lines", stage.bad_lines},
          {"refused_too_long", stage.refused_too_long},
          {"refused_unsupervised", stage.refused_unsupervised},
          {"held_out", stage.held_out},
          {"truncated", stage.truncated},
          {"duplicates_within", stage.duplicates_within},
          {"duplicates_across", stage.duplicates_across},
          {"known_elsewhere", stage.known_elsewhere},
          {"already_trained", stage.already_trained},
          {"not_reached", stage.not_reached},
          {"examples", stage.examples},
          {"example_tokens", stage.example_tokens}};
}

absl::Status Wrong(const char* key) {
  return absl::DataLossError(absl::StrCat(key, " of ", kWhat, " is no count that fits"));
}

template <typename T>
bool IsCount(const Json& json, T* to) {
  if (!json.is_number_integer() || (!json.is_number_unsigned() && json.get<int64_t>() < 0))
    return false;
  *to = static_cast<T>(json.get<uint64_t>());
  return *to == json.get<uint64_t>();
}

template <typename T>
absl::Status ReadNumber(const Json& json, const char* key, T* to) {
  if (!json.is_object() || !json.contains(key) || !IsCount(json[key], to)) return Wrong(key);
  return absl::OkStatus();
}

template <typename T>
absl::Status ReadNumbers(const Json& json, const char* key, std::vector<T>* to) {
  ASSIGN_OR_RETURN(const Json* list, JsonNested(json, key, kWhat));
  to->resize(list->size());
  for (size_t i = 0; i < to->size(); ++i) {
    if (!list->is_array() || !IsCount((*list)[i], &(*to)[i])) return Wrong(key);
  }
  return absl::OkStatus();
}

// The value whose place among `words` the word has.
template <typename T>
absl::Status ReadWord(const Json& json, const char* key, const std::vector<std::string>& words,
                      T* to) {
  ASSIGN_OR_RETURN(const std::string word, JsonString(json, key, kWhat));
  const auto at = std::find(words.begin(), words.end(), word);
  if (at == words.end()) return absl::DataLossError(absl::StrCat(kWhat, " has an unknown ", key));
  *to = static_cast<T>(at - words.begin());
  return absl::OkStatus();
}

bool IsRising(const std::vector<uint32_t>& indices) {
  return std::adjacent_find(indices.begin(), indices.end(), std::greater_equal<>()) ==
         indices.end();
}

bool AreWithin(const std::vector<uint32_t>& tokens, uint32_t max_length) {
  return std::all_of(tokens.begin(), tokens.end(), [&](uint32_t n) { return n <= max_length; });
}

// What rows, steps and rates are computed by later, without asking again.
absl::Status CheckStage(const StagePlan& stage, uint32_t max_length) {
  if (stage.examples.size() != stage.example_tokens.size() ||
      stage.held_out_examples.size() != stage.held_out_tokens.size() ||
      stage.steps.size() != stage.rows.size()) {
    return absl::DataLossError("the stored plan's lists do not match one another");
  }
  if (!IsRising(stage.examples) || !IsRising(stage.held_out_examples))
    return absl::DataLossError("the stored plan has an example twice or out of order");
  if (!AreWithin(stage.example_tokens, max_length) || !AreWithin(stage.held_out_tokens, max_length))
    return absl::DataLossError("the stored plan has an example longer than its max_length");
  uint64_t steps = 0;
  for (size_t epoch = 0; epoch < stage.steps.size(); ++epoch) {
    steps += stage.steps[epoch];
    if (stage.rows[epoch] > stage.examples.size()) return Wrong("rows");
    if (stage.steps[epoch] > stage.rows[epoch]) return Wrong("steps");
  }
  if (steps > UINT32_MAX) return Wrong("steps");
  if (stage.warmup_steps > steps) return Wrong("warmup_steps");
  if (stage.decay_steps > steps - stage.warmup_steps) return Wrong("decay_steps");
  if (stage.complete_epochs > stage.steps.size()) return Wrong("complete_epochs");
  if (stage.held_out_steps > stage.held_out_examples.size()) return Wrong("held_out_steps");
  return absl::OkStatus();
}

absl::StatusOr<StagePlan> StageFromJson(const Json& json, uint32_t index) {
  StagePlan stage;
  stage.index = index;
  ASSIGN_OR_RETURN(stage.dataset, JsonString(json, "dataset", kWhat));
  ASSIGN_OR_RETURN(stage.tier, JsonString(json, "tier", kWhat));
  ASSIGN_OR_RETURN(const std::string hex, JsonString(json, "sha256", kWhat));
  ASSIGN_OR_RETURN(stage.sha256, DigestFromHex(hex));
  ASSIGN_OR_RETURN(stage.learning_rate, JsonNumber(json, "learning_rate", kWhat));
  RETURN_IF_ERROR(ReadNumber(json, "pass", &stage.pass));
  RETURN_IF_ERROR(ReadNumbers(json, "held_out_examples", &stage.held_out_examples));
  RETURN_IF_ERROR(ReadNumbers(json, "held_out_tokens", &stage.held_out_tokens));
  RETURN_IF_ERROR(ReadNumber(json, "held_out_steps", &stage.held_out_steps));
  RETURN_IF_ERROR(ReadNumbers(json, "steps", &stage.steps));
  RETURN_IF_ERROR(ReadNumbers(json, "rows", &stage.rows));
  RETURN_IF_ERROR(ReadNumber(json, "warmup_steps", &stage.warmup_steps));
  RETURN_IF_ERROR(ReadNumber(json, "decay_steps", &stage.decay_steps));
  RETURN_IF_ERROR(ReadNumber(json, "tokens", &stage.tokens));
  RETURN_IF_ERROR(ReadNumber(json, "supervised_tokens", &stage.supervised_tokens));
  RETURN_IF_ERROR(ReadNumber(json, "bad_lines", &stage.bad_lines));
  RETURN_IF_ERROR(ReadNumber(json, "refused_too_long", &stage.refused_too_long));
  RETURN_IF_ERROR(ReadNumber(json, "refused_unsupervised", &stage.refused_unsupervised));
  RETURN_IF_ERROR(ReadNumber(json, "held_out", &stage.held_out));
  RETURN_IF_ERROR(ReadNumber(json, "truncated", &stage.truncated));
  RETURN_IF_ERROR(ReadNumber(json, "duplicates_within", &stage.duplicates_within));
  RETURN_IF_ERROR(ReadNumber(json, "duplicates_across", &stage.duplicates_across));
  RETURN_IF_ERROR(ReadNumber(json, "known_elsewhere", &stage.known_elsewhere));
  RETURN_IF_ERROR(ReadNumber(json, "already_trained", &stage.already_trained));
  RETURN_IF_ERROR(ReadNumber(json, "not_reached", &stage.not_reached));
  RETURN_IF_ERROR(ReadNumber(json, "complete_epochs", &stage.complete_epochs));
  RETURN_IF_ERROR(ReadNumbers(json, "examples", &stage.examples));
  RETURN_IF_ERROR(ReadNumbers(json, "example_tokens", &stage.example_tokens));
  return stage;
}

}  // namespace

Json PlanToJson(const Plan& plan) {
  Json json = {{"format", kPlanFormat},
               {"parent", plan.parent.value()},
               {"rebuild", plan.rebuild},
               {"max_length", plan.max_length},
               {"global_batch_size", plan.global_batch_size},
               {"packing", plan.packing},
               {"lr_scheduler_type", kSchedules[static_cast<size_t>(plan.schedule)]},
               {"min_lr_rate", plan.min_lr_rate},
               {"lr_decay_type", kDecays[static_cast<size_t>(plan.decay)]},
               {"seed", plan.seed},
               {"eval_steps", plan.eval_steps},
               {"early_stopping_patience", plan.early_stopping_patience},
               {"stages", Json::array()},
               {"skipped", Json::array()}};
  for (const StagePlan& stage : plan.stages) json["stages"].push_back(StageToJson(stage));
  for (const SkippedDataset& skipped : plan.skipped) {
    json["skipped"].push_back({{"dataset", skipped.dataset},
                               {"tier", skipped.tier},
                               {"reason", skipped.reason},
                               {"is_error", skipped.is_error}});
  }
  return json;
}

absl::StatusOr<Plan> PlanFromJson(const Json& json) {
  Plan plan;
  uint32_t format = 0, parent = 0;
  RETURN_IF_ERROR(ReadNumber(json, "format", &format));
  if (format != kPlanFormat) {
    return absl::FailedPreconditionError(absl::StrCat(kWhat, " has format ", format,
                                                      ", this version reads ", kPlanFormat,
                                                      ": use the version of strata that wrote it"));
  }
  RETURN_IF_ERROR(ReadNumber(json, "parent", &parent));
  plan.parent = Version(parent);
  ASSIGN_OR_RETURN(plan.rebuild, JsonBool(json, "rebuild", kWhat));
  RETURN_IF_ERROR(ReadNumber(json, "max_length", &plan.max_length));
  RETURN_IF_ERROR(ReadNumber(json, "global_batch_size", &plan.global_batch_size));
  if (plan.global_batch_size == 0) return Wrong("global_batch_size");
  ASSIGN_OR_RETURN(plan.packing, JsonBool(json, "packing", kWhat));
  RETURN_IF_ERROR(ReadWord(json, "lr_scheduler_type", kSchedules, &plan.schedule));
  ASSIGN_OR_RETURN(plan.min_lr_rate, JsonNumber(json, "min_lr_rate", kWhat));
  RETURN_IF_ERROR(ReadWord(json, "lr_decay_type", kDecays, &plan.decay));
  RETURN_IF_ERROR(ReadNumber(json, "seed", &plan.seed));
  RETURN_IF_ERROR(ReadNumber(json, "eval_steps", &plan.eval_steps));
  RETURN_IF_ERROR(ReadNumber(json, "early_stopping_patience", &plan.early_stopping_patience));
  ASSIGN_OR_RETURN(const Json* stages, JsonNested(json, "stages", kWhat));
  for (const Json& stage : *stages) {
    ASSIGN_OR_RETURN(StagePlan read,
                     StageFromJson(stage, static_cast<uint32_t>(plan.stages.size())));
    RETURN_IF_ERROR(CheckStage(read, plan.max_length));
    plan.stages.push_back(std::move(read));
  }
  ASSIGN_OR_RETURN(const Json* skipped, JsonNested(json, "skipped", kWhat));
  for (const Json& item : *skipped) {
    SkippedDataset read;
    ASSIGN_OR_RETURN(read.dataset, JsonString(item, "dataset", kWhat));
    ASSIGN_OR_RETURN(read.tier, JsonString(item, "tier", kWhat));
    ASSIGN_OR_RETURN(read.reason, JsonString(item, "reason", kWhat));
    ASSIGN_OR_RETURN(read.is_error, JsonBool(item, "is_error", kWhat));
    plan.skipped.push_back(std::move(read));
  }
  return plan;
}

}  // namespace strata
