#include "coordinator/store/metadata.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace strata {
namespace {

std::string Utc(const char* format, std::chrono::system_clock::time_point time) {
  return absl::FormatTime(format, absl::FromChrono(time), absl::UTCTimeZone());
}

// 112 rather than 112.0: PEFT documents lora_alpha as an integer.
Json WholeIfPossible(double value) {
  if (std::floor(value) == value && std::abs(value) < 1e15) return static_cast<int64_t>(value);
  return value;
}

uint64_t CountAt(const Json& json, const char* key) {
  const absl::StatusOr<int64_t> count = JsonInteger(json, key, "the metadata");
  return count.ok() && *count > 0 ? static_cast<uint64_t>(*count) : 0;
}

Json HistoryOf(const Json& parent) {
  const absl::StatusOr<const Json*> history =
      JsonNested(parent, "training_history", "the metadata");
  return history.ok() && (*history)->is_array() ? **history : Json::array();
}

Json HistoryLine(const StageResult& stage, const std::string& timestamp) {
  return {{"dataset", stage.dataset},
          {"examples", stage.examples},
          {"epochs", stage.epochs},
          {"loss", stage.loss},
          {"timestamp", timestamp},
          {"tier", stage.tier},
          {"sha256", stage.sha256.Hex()},
          {"pass", stage.pass},
          {"left_out", LeftOutJson(stage.left_out)}};
}

}  // namespace

Json LeftOutJson(const LeftOut& left_out) {
  return {{"bad_lines", left_out.bad_lines},       {"too_long", left_out.too_long},
          {"unsupervised", left_out.unsupervised}, {"held_out", left_out.held_out},
          {"not_reached", left_out.not_reached},   {"already_trained", left_out.already_trained},
          {"truncated", left_out.truncated},       {"skipped", left_out.skipped}};
}

LeftOut LeftOutOf(const Json& json) {
  LeftOut left_out;
  left_out.bad_lines = CountAt(json, "bad_lines");
  left_out.too_long = CountAt(json, "too_long");
  left_out.unsupervised = CountAt(json, "unsupervised");
  left_out.held_out = CountAt(json, "held_out");
  left_out.not_reached = CountAt(json, "not_reached");
  left_out.already_trained = CountAt(json, "already_trained");
  return left_out;
}

std::string Iso8601(std::chrono::system_clock::time_point time) {
  return Utc("%Y-%m-%dT%H:%M:%SZ", time);
}

std::string CompactTime(std::chrono::system_clock::time_point time) {
  return Utc("%Y%m%d_%H%M%S", time);
}

Json AdapterConfig(const Candidate& candidate) {
  std::vector<std::string> targets = candidate.target_modules;
  std::sort(targets.begin(), targets.end());
  Json config = Json::object();
  config["peft_type"] = "LORA";
  config["task_type"] = "CAUSAL_LM";
  config["base_model_name_or_path"] = candidate.base_model_name;
  config["revision"] = nullptr;
  config["inference_mode"] = true;
  config["r"] = candidate.lora_r;
  config["lora_alpha"] = WholeIfPossible(candidate.lora_alpha);
  config["lora_dropout"] = candidate.lora_dropout;
  config["target_modules"] = targets;
  config["bias"] = "none";
  config["fan_in_fan_out"] = false;
  config["init_lora_weights"] = true;
  config["modules_to_save"] = nullptr;
  config["layers_to_transform"] = nullptr;
  config["layers_pattern"] = nullptr;
  config["rank_pattern"] = Json::object();
  config["alpha_pattern"] = Json::object();
  config["use_rslora"] = false;
  return config;
}

Json TrainingMetadata(const Candidate& candidate, Version version, const Json& parent) {
  const std::string now = Iso8601(candidate.now);
  Json history = HistoryOf(parent);
  uint64_t examples = CountAt(parent, "total_examples_trained");
  uint64_t epochs = CountAt(parent, "total_epochs");
  const absl::StatusOr<double> best = JsonNumber(parent, "best_loss", "the metadata");
  Json best_loss = best.ok() ? Json(*best) : Json(nullptr);
  const StageResult* last = nullptr;
  for (const StageResult& stage : candidate.stages) {
    if (!stage.trained()) continue;
    last = &stage;
    history.push_back(HistoryLine(stage, now));
    examples += stage.examples;
    epochs += stage.epochs;
    if (best_loss.is_null() || stage.loss < best_loss.get<double>()) best_loss = stage.loss;
  }
  Json metadata = Json::object();
  metadata["adapter_name"] = candidate.adapter_name;
  metadata["base_model"] = candidate.base_model_name;
  metadata["training_mode"] = "incremental";
  metadata["last_dataset"] = last ? Json(last->dataset) : Json(nullptr);
  metadata["last_training_examples"] = last ? last->examples : 0;
  metadata["last_training_epochs"] = last ? last->epochs : 0;
  metadata["total_examples_trained"] = examples;
  metadata["total_epochs"] = epochs;
  metadata["lora_r"] = candidate.lora_r;
  metadata["lora_alpha"] = WholeIfPossible(candidate.lora_alpha);
  metadata["lora_dropout"] = candidate.lora_dropout;
  metadata["trainable_params"] = candidate.layout.elements;
  metadata["last_training_time_seconds"] = candidate.training_seconds;
  metadata["last_loss"] = last ? Json(last->loss) : Json(nullptr);
  metadata["best_loss"] = best_loss;
  metadata["quality_improvement"] = nullptr;
  metadata["last_updated"] = now;
  metadata["training_history"] = std::move(history);
  metadata["version"] = VersionName(version);
  metadata["run"] = candidate.run.value();
  metadata["settings"] = Json::object();
  for (const auto& [key, value] : candidate.settings) metadata["settings"][key] = value;
  return metadata;
}

}  // namespace strata
