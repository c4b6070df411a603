#include "coordinator/store/metadata.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "common/lora_scale.h"

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

std::vector<std::string> SortedTargets(const Candidate& candidate) {
  std::vector<std::string> targets = candidate.target_modules;
  std::sort(targets.begin(), targets.end());
  return targets;
}

Json HistoryOf(const Json& parent) {
  const absl::StatusOr<const Json*> history =
      JsonNested(parent, "training_history", "the metadata");
  return history.ok() && (*history)->is_array() ? **history : Json::array();
}

Json HistoryLine(const StageResult& stage, const std::string& timestamp) {
  Json line = {{"dataset", stage.dataset},
               {"examples", stage.examples},
               {"epochs", stage.epochs},
               {"loss", stage.loss ? Json(*stage.loss) : Json()},
               {"timestamp", timestamp},
               {"tier", stage.tier},
               {"sha256", stage.sha256.Hex()},
               {"pass", stage.pass},
               {"left_out", LeftOutJson(stage.left_out)}};
  AddEvaluations(stage, &line);
  if (stage.loss) return line;
  line["elsewhere"] = true;
  line["timestamp"] = nullptr;
  if (stage.epochs == 0) line["epochs"] = nullptr;
  return line;
}

bool Names(const Json& history, const std::string& dataset) {
  return std::any_of(history.begin(), history.end(), [&](const Json& line) {
    const absl::StatusOr<std::string> name = JsonString(line, "dataset", "the history");
    return name.ok() && *name == dataset;
  });
}

// The value at `key`, whatever it is; null when there is none.
Json At(const Json& json, const char* key) {
  if (!json.is_object()) return nullptr;
  const auto at = json.find(key);
  return at != json.end() ? *at : Json(nullptr);
}

// The parent's figures with the candidate's stages added.
struct Totals {
  Json history, best_loss;
  uint64_t examples = 0, epochs = 0;
  const StageResult* last = nullptr;  // of the stages trained here
};

void AddStage(const StageResult& stage, const std::string& now, Totals* totals) {
  if (!stage.loss && Names(totals->history, stage.dataset)) return;
  totals->history.push_back(HistoryLine(stage, now));
  totals->examples += stage.examples;
  totals->epochs += stage.epochs;
  if (!stage.loss) return;
  totals->last = &stage;
  const bool best = totals->best_loss.is_null() || *stage.loss < totals->best_loss.get<double>();
  if (best) totals->best_loss = *stage.loss;
}

Totals TotalsOf(const Candidate& candidate, const Json& parent, const std::string& now) {
  const absl::StatusOr<double> best = JsonNumber(parent, "best_loss", "the metadata");
  Totals totals{.history = HistoryOf(parent),
                .best_loss = best.ok() ? Json(*best) : Json(nullptr),
                .examples = CountAt(parent, "total_examples_trained"),
                .epochs = CountAt(parent, "total_epochs")};
  for (const StageResult& stage : candidate.stages) {
    if (stage.trained()) AddStage(stage, now, &totals);
  }
  return totals;
}

}  // namespace

Json LeftOutJson(const LeftOut& left_out) {
  return {{"bad_lines", left_out.bad_lines},       {"too_long", left_out.too_long},
          {"unsupervised", left_out.unsupervised}, {"held_out", left_out.held_out},
          {"not_reached", left_out.not_reached},   {"already_trained", left_out.already_trained},
          {"truncated", left_out.truncated},       {"skipped", left_out.skipped}};
}

void AddEvaluations(const StageResult& stage, Json* line) {
  if (stage.eval_loss) (*line)["eval_loss"] = *stage.eval_loss;
  for (const HeldOutLoss& evaluation : stage.evaluations) {
    (*line)["evaluations"].push_back(
        {{"after_steps", evaluation.after_steps}, {"loss", evaluation.loss}});
  }
  if (!stage.ended_early.empty()) (*line)["ended_early"] = stage.ended_early;
}

void TakeEvaluations(const Json& line, StageResult* stage) {
  const absl::StatusOr<double> loss = JsonNumber(line, "eval_loss", "the history");
  if (loss.ok()) stage->eval_loss = *loss;
  const absl::StatusOr<std::string> why = JsonString(line, "ended_early", "the history");
  if (why.ok()) stage->ended_early = *why;
  const auto evaluations = JsonNested(line, "evaluations", "the history");
  if (!evaluations.ok()) return;
  for (const Json& evaluation : **evaluations) {
    stage->evaluations.push_back(
        {.after_steps = static_cast<uint32_t>(CountAt(evaluation, "after_steps")),
         .loss = JsonNumber(evaluation, "loss", "the history").value_or(std::nan(""))});
  }
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
  Json config = Json::object();
  config["peft_type"] = "LORA";
  config["task_type"] = "CAUSAL_LM";
  config["base_model_name_or_path"] = candidate.base_model_name;
  config["revision"] = nullptr;
  config["inference_mode"] = true;
  config["r"] = candidate.lora_r;
  config["lora_alpha"] =
      WholeIfPossible(PlainAlpha(candidate.lora_alpha, candidate.lora_r, candidate.use_rslora));
  config["lora_dropout"] = candidate.lora_dropout;
  config["target_modules"] = SortedTargets(candidate);
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

Json MetadataFromElsewhere(const Json& foreign) {
  const Json history = HistoryOf(foreign);
  if (history.empty()) return nullptr;
  Json carried = Json::object();
  Json lines = Json::array();
  uint64_t examples = 0, epochs = 0;
  for (Json line : history) {
    if (!JsonString(line, "dataset", "the history").ok()) continue;
    examples += CountAt(line, "examples");
    epochs += CountAt(line, "epochs");
    line["elsewhere"] = true;
    lines.push_back(std::move(line));
  }
  const uint64_t total_examples = CountAt(foreign, "total_examples_trained"),
                 total_epochs = CountAt(foreign, "total_epochs");
  carried["total_examples_trained"] = total_examples > 0 ? total_examples : examples;
  carried["total_epochs"] = total_epochs > 0 ? total_epochs : epochs;
  for (const char* key : {"last_dataset", "last_training_examples", "last_training_epochs",
                          "last_training_time_seconds"}) {
    carried[key] = At(foreign, key);
  }
  carried["training_history"] = std::move(lines);
  return carried;
}

Json TrainingMetadata(const Candidate& candidate, Version version, const Json& parent) {
  const std::string now = Iso8601(candidate.now);
  Totals totals = TotalsOf(candidate, parent, now);
  const StageResult* const last = totals.last;
  Json metadata = Json::object();
  metadata["adapter_name"] = candidate.adapter_name;
  metadata["base_model"] = candidate.base_model_name;
  metadata["training_mode"] = "incremental";
  metadata["last_dataset"] = last ? Json(last->dataset) : At(parent, "last_dataset");
  metadata["last_training_examples"] =
      last ? last->examples : CountAt(parent, "last_training_examples");
  metadata["last_training_epochs"] = last ? last->epochs : CountAt(parent, "last_training_epochs");
  metadata["total_examples_trained"] = totals.examples;
  metadata["total_epochs"] = totals.epochs;
  metadata["lora_r"] = candidate.lora_r;
  metadata["lora_alpha"] = WholeIfPossible(candidate.lora_alpha);
  metadata["use_rslora"] = candidate.use_rslora;
  metadata["lora_dropout"] = candidate.lora_dropout;
  metadata["lora_target_modules"] = SortedTargets(candidate);
  metadata["trainable_params"] = candidate.layout.elements;
  metadata["last_training_time_seconds"] =
      last ? Json(candidate.training_seconds) : At(parent, "last_training_time_seconds");
  metadata["last_loss"] = last ? Json(*last->loss) : Json(nullptr);
  metadata["best_loss"] = totals.best_loss;
  metadata["eval_loss"] = last && last->eval_loss ? Json(*last->eval_loss) : Json(nullptr);
  metadata["quality_improvement"] = nullptr;
  metadata["last_updated"] = now;
  metadata["training_history"] = std::move(totals.history);
  metadata["version"] = VersionName(version);
  metadata["run"] = candidate.run.value();
  metadata["settings"] = Json::object();
  for (const auto& [key, value] : candidate.settings) metadata["settings"][key] = value;
  const Json source =
      candidate.origin ? candidate.origin->imported_from : At(parent, "imported_from");
  if (source.is_object()) {
    metadata["imported_from"] = source;
    if (candidate.origin) metadata["imported_from"]["version"] = VersionName(version);
  }
  return metadata;
}

}  // namespace strata
