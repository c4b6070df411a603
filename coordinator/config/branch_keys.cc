#include "coordinator/config/branch_keys.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"

namespace strata {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

std::string Show(const std::string& text) {
  std::string shown = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') shown += '\\';
    shown += c;
  }
  return shown + "\"";
}
std::string Show(const std::filesystem::path& path) { return Show(path.string()); }
std::string Show(bool value) { return value ? "true" : "false"; }
std::string Show(uint32_t value) { return absl::StrCat(value); }
std::string Show(uint64_t value) { return absl::StrCat(value); }
std::string Show(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}
std::string Show(const std::vector<std::string>& texts) {
  return absl::StrCat(
      "[",
      absl::StrJoin(texts, ", ",
                    [](std::string* out, const std::string& text) { *out += Show(text); }),
      "]");
}
template <typename Value>
std::string Show(const std::optional<Value>& value) {
  return value.has_value() ? Show(*value) : std::string();
}

// A row whose value `read` takes from YAML.
template <typename T, typename Field, typename Read>
KeyRow<T> Row(std::string_view key, Field T::*field, Read read, std::string allowed) {
  return {key,
          [field, read](const YamlValue& value, T* target) -> absl::Status {
            ASSIGN_OR_RETURN(target->*field, read(value));
            return absl::OkStatus();
          },
          [field](const T& target) { return Show(target.*field); }, std::move(allowed)};
}

template <typename T, typename Field>
KeyRow<T> Whole(std::string_view key, Field T::*field, uint64_t min, uint64_t max) {
  return Row(
      key, field, [min, max](const YamlValue& value) { return value.Whole(min, max); },
      WholeText(min, max));
}

template <typename T, typename Field>
KeyRow<T> Real(std::string_view key, Field T::*field, RealRange range) {
  return Row(
      key, field, [range](const YamlValue& value) { return value.Real(range); }, RealText(range));
}

template <typename T>
KeyRow<T> Bool(std::string_view key, bool T::*field) {
  KeyRow<T> row = Row(
      key, field, [](const YamlValue& value) { return value.Bool(); }, "true or false");
  row.choices = {"true", "false"};
  return row;
}

template <typename T, typename Field>
KeyRow<T> Text(std::string_view key, Field T::*field) {
  return Row(
      key, field, [](const YamlValue& value) { return value.Text(); }, "a text");
}

absl::StatusOr<std::string> NonEmpty(const YamlValue& value) {
  ASSIGN_OR_RETURN(std::string text, value.Text());
  if (text.empty()) return value.Error("must not be empty");
  return text;
}

// A dataset's file: what other files are called is never meant.
absl::StatusOr<std::string> FileName(const YamlValue& value) {
  ASSIGN_OR_RETURN(std::string name, NonEmpty(value));
  if (name.find('/') != std::string::npos || name[0] == '.' || !name.ends_with(".jsonl")) {
    return value.Error(absl::StrCat(
        "must be the name of a .jsonl file in training/, without a folder, is ", name));
  }
  return name;
}

// PEFT's word for every linear layer but the head.
constexpr char kAllLinear[] = "all-linear";

absl::StatusOr<std::string> ModuleName(const YamlValue& value) {
  ASSIGN_OR_RETURN(std::string name, NonEmpty(value));
  if (name == kAllLinear) {
    return value.Error(
        "stands for every module, and alone: write lora_target_modules: all-linear, without a "
        "list");
  }
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  if (!std::all_of(name.begin(), name.end(), is_allowed)) {
    return value.Error(
        absl::StrCat("must be the last part of a module's path, as q_proj, is ", name));
  }
  return name;
}

absl::StatusOr<std::string> TemplateName(const YamlValue& value) {
  ASSIGN_OR_RETURN(std::string name, NonEmpty(value));
  if (name == "default" || name == "model" || name.ends_with(".jinja")) return name;
  return value.Error(
      absl::StrCat("must be default, model or the path of a .jinja file, is ", name));
}

using ReadText = absl::StatusOr<std::string> (*)(const YamlValue&);

absl::StatusOr<std::vector<std::string>> TextList(const YamlValue& value, ReadText read) {
  ASSIGN_OR_RETURN(const std::vector<YamlValue> items, value.Items());
  std::vector<std::string> texts;
  for (const YamlValue& item : items) {
    ASSIGN_OR_RETURN(std::string text, read(item));
    texts.push_back(std::move(text));
  }
  return texts;
}

template <typename T>
KeyRow<T> Texts(std::string_view key, std::vector<std::string> T::*field, ReadText read) {
  return Row(
      key, field, [read](const YamlValue& value) { return TextList(value, read); },
      "a list of texts");
}

absl::StatusOr<std::vector<std::string>> TargetModules(const YamlValue& value) {
  const absl::StatusOr<std::string> text = value.Text();
  if (text.ok() && *text == kAllLinear) return Config().lora_target_modules;
  ASSIGN_OR_RETURN(std::vector<std::string> modules, TextList(value, &ModuleName));
  if (modules.empty()) return value.Error("must name at least one module");
  if (std::set<std::string>(modules.begin(), modules.end()).size() != modules.size()) {
    return value.Error("names a module twice");
  }
  return modules;
}

template <typename Value>
struct Named {
  std::string_view name;
  Value value;
};

// One of a few words, each of which stands for a value.
template <typename T, typename Value>
KeyRow<T> Choice(std::string_view key, Value T::*field, std::vector<Named<Value>> choices) {
  std::vector<std::string> names;
  for (const Named<Value>& choice : choices)
    names.push_back(choice.name.empty() ? "\"\"" : std::string(choice.name));
  const std::string allowed = absl::StrCat("one of ", absl::StrJoin(names, ", "));
  const auto set = [field, choices, allowed](const YamlValue& value, T* target) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string text, value.Text());
    for (const Named<Value>& choice : choices) {
      if (choice.name != text) continue;
      target->*field = choice.value;
      return absl::OkStatus();
    }
    return value.Error(absl::StrCat("must be ", allowed, "; is ", text));
  };
  const auto show = [field, choices](const T& target) -> std::string {
    for (const Named<Value>& choice : choices) {
      if (choice.value == target.*field) return Show(std::string(choice.name));
    }
    return "";
  };
  return {key, set, show, allowed, names};
}

std::vector<Named<std::string>> Words(const std::vector<std::string_view>& words) {
  std::vector<Named<std::string>> named;
  named.reserve(words.size());
  for (const std::string_view word : words) named.push_back({word, std::string(word)});
  return named;
}

KeyRow<Config> ChatTemplateRow() {
  KeyRow<Config> row = Row("chat_template", &Config::chat_template, &TemplateName,
                           "default, model, or the path of a .jinja file");
  row.choices = {"default", "model"};
  return row;
}

constexpr uint64_t kEpochsMax = 10000;
constexpr char kAuto[] = "auto";
constexpr RealRange kLearningRate = {0, 1, /*min_included=*/false, /*max_included=*/true};
constexpr RealRange kShare = {0, 1, /*min_included=*/true, /*max_included=*/false};
constexpr uint32_t kRowsMax = 1 << 20, kTokensMax = 1 << 20;

// A number, or auto, which is kept as 0.
KeyRow<Config> MicroBatchRow() {
  const std::string allowed = absl::StrCat(kAuto, " or ", WholeText(1, kRowsMax));
  const auto set = [allowed](const YamlValue& value, Config* config) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string text, value.Text());
    const absl::StatusOr<uint64_t> rows = value.Whole(1, kRowsMax);
    if (text != kAuto && !rows.ok())
      return value.Error(absl::StrCat("must be ", allowed, "; is ", text));
    config->micro_batch_size = text == kAuto ? 0 : static_cast<uint32_t>(*rows);
    return absl::OkStatus();
  };
  const auto show = [](const Config& config) {
    return config.micro_batch_size == 0 ? Show(std::string(kAuto)) : Show(config.micro_batch_size);
  };
  return {"micro_batch_size", set, show, allowed, {kAuto}};
}

std::vector<KeyRow<TierConfig>> TierKeys() {
  using Tier = TierConfig;
  return {Row("name", &Tier::name, &NonEmpty, "a text"), Texts("match", &Tier::match, &NonEmpty),
          Texts("order", &Tier::order, &FileName),
          Whole("num_train_epochs", &Tier::num_train_epochs, 1, kEpochsMax),
          Real("learning_rate", &Tier::learning_rate, kLearningRate)};
}

std::vector<KeyRow<DatasetConfig>> DatasetKeys() {
  using Dataset = DatasetConfig;
  return {Row("file", &Dataset::file, &FileName, "the name of a .jsonl file"),
          Row("tier", &Dataset::tier, &NonEmpty, "a tier's name"),
          Whole("num_train_epochs", &Dataset::num_train_epochs, 1, kEpochsMax),
          Real("learning_rate", &Dataset::learning_rate, kLearningRate),
          Bool("exclude", &Dataset::exclude)};
}

template <typename T>
absl::StatusOr<T> ReadGroup(const YamlValue& group, const std::vector<KeyRow<T>>& rows,
                            std::string_view required) {
  ASSIGN_OR_RETURN(std::vector<YamlEntry> written, group.Entries());
  ASSIGN_OR_RETURN(const std::vector<YamlEntry> entries,
                   UnderOurKeys(std::move(written), KeysOf(rows)));
  T target;
  bool found = false;
  for (const YamlEntry& entry : entries) {
    RETURN_IF_ERROR(SetKey(rows, entry, &target));
    found = found || entry.key == required;
  }
  if (!found) return group.Error(absl::StrCat("has no ", View(required)));
  return target;
}

template <typename T>
std::string ShowGroup(const T& group, const std::vector<KeyRow<T>>& rows) {
  std::vector<std::string> shown;
  for (const KeyRow<T>& row : rows) {
    const std::string value = row.show(group);
    if (!value.empty()) shown.push_back(absl::StrCat(Show(std::string(row.key)), ": ", value));
  }
  return absl::StrCat("{", absl::StrJoin(shown, ", "), "}");
}

// A list of groups, each of which must have `required`.
template <typename T>
KeyRow<Config> Groups(std::string_view key, std::vector<T> Config::*field,
                      std::vector<KeyRow<T>> rows, std::string_view required) {
  const auto set = [field, rows, required](const YamlValue& value, Config* config) -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<YamlValue> items, value.Items());
    std::vector<T> groups;
    for (const YamlValue& item : items) {
      ASSIGN_OR_RETURN(T group, ReadGroup(item, rows, required));
      groups.push_back(std::move(group));
    }
    config->*field = std::move(groups);
    return absl::OkStatus();
  };
  const auto show = [field, rows](const Config& config) {
    std::vector<std::string> shown;
    for (const T& group : config.*field) shown.push_back(ShowGroup(group, rows));
    return absl::StrCat("[", absl::StrJoin(shown, ", "), "]");
  };
  return {key, set, show, absl::StrCat("a list of groups of ", absl::StrJoin(KeysOf(rows), ", "))};
}

}  // namespace

absl::StatusOr<std::vector<YamlEntry>> UnderOurKeys(std::vector<YamlEntry> entries,
                                                    const std::vector<std::string>& known) {
  std::map<std::string, const YamlEntry*> seen;
  for (YamlEntry& entry : entries) {
    const Alias* const alias = AliasOf(entry.written);
    if (alias != nullptr && std::find(known.begin(), known.end(), alias->ours) != known.end()) {
      entry.key = alias->ours;
      if (alias->inverse) entry.value = entry.value.Inverse();
    }
    const auto [before, is_new] = seen.emplace(entry.key, &entry);
    if (is_new) continue;
    return entry.value.Error(absl::StrCat("is the same setting as ", before->second->written,
                                          " on line ", before->second->value.line(),
                                          "; keep one of them"));
  }
  return entries;
}

std::vector<KeyRow<Config>> BranchKeys() {
  return {
      Text("name", &Config::name),
      Row("model_name_or_path", &Config::model_name_or_path, &NonEmpty, "the path of a folder"),
      Text("base_model_name", &Config::base_model_name),
      Choice("dtype", &Config::dtype, Words({"", "float32", "bfloat16"})),

      Whole("lora_r", &Config::lora_r, 1, 512),
      Real("lora_alpha", &Config::lora_alpha, {0, 1e6, /*min_included=*/false}),
      Bool("use_rslora", &Config::use_rslora),
      Real("lora_dropout", &Config::lora_dropout, kShare),
      Row("lora_target_modules", &Config::lora_target_modules, &TargetModules,
          "a list of modules' names, or all-linear"),

      Whole("max_length", &Config::max_length, 8, kTokensMax),
      Bool("packing", &Config::packing),
      Choice<Config, ExcessLength>("excess_length_strategy", &Config::excess_length_strategy,
                                   {{"drop", ExcessLength::kDrop},
                                    {"truncate", ExcessLength::kTruncate},
                                    {"raise", ExcessLength::kRaise}}),
      Bool("completion_only_loss", &Config::completion_only_loss),
      Choice<Config, std::optional<bool>>(
          "assistant_only_loss", &Config::assistant_only_loss,
          {{"auto", std::nullopt}, {"true", true}, {"false", false}}),
      ChatTemplateRow(),

      Whole("global_batch_size", &Config::global_batch_size, 1, kRowsMax),
      MicroBatchRow(),
      Real("gpu_memory_gb", &Config::gpu_memory_gb, {0, 1e6}),
      Bool("gradient_checkpointing", &Config::gradient_checkpointing),
      Whole("num_train_epochs", &Config::num_train_epochs, 1, kEpochsMax),
      Whole("max_steps", &Config::max_steps, 0, UINT32_MAX),
      Real("learning_rate", &Config::learning_rate, kLearningRate),
      Choice<Config, Schedule>("lr_scheduler_type", &Config::lr_scheduler_type,
                               {{"cosine", Schedule::kCosine},
                                {"linear", Schedule::kLinear},
                                {"constant", Schedule::kConstant},
                                {"cosine_with_min_lr", Schedule::kCosineWithMinLr},
                                {"constant_with_warmup", Schedule::kConstantWithWarmup},
                                {"warmup_stable_decay", Schedule::kWarmupStableDecay}}),
      Real("warmup_ratio", &Config::warmup_ratio, kShare),
      Whole("warmup_steps", &Config::warmup_steps, 0, UINT32_MAX),
      Real("min_lr_rate", &Config::min_lr_rate, kShare),
      Real("lr_decay_ratio", &Config::lr_decay_ratio, {0, 1, /*min_included=*/false}),
      Choice<Config, RateDecay>("lr_decay_type", &Config::lr_decay_type,
                                {{"cosine", RateDecay::kCosine},
                                 {"linear", RateDecay::kLinear},
                                 {"1-sqrt", RateDecay::kOneMinusSqrt}}),
      Real("weight_decay", &Config::weight_decay, {0, 1}),
      Real("adam_beta1", &Config::adam_beta1, kShare),
      Real("adam_beta2", &Config::adam_beta2, kShare),
      Real("adam_epsilon", &Config::adam_epsilon, {0, 1, /*min_included=*/false}),
      Real("max_grad_norm", &Config::max_grad_norm, {0, 1e9}),
      Real("loraplus_lr_ratio", &Config::loraplus_lr_ratio, {0, 1e4, /*min_included=*/false}),
      Real("neftune_noise_alpha", &Config::neftune_noise_alpha, {0, 1000}),
      Whole("seed", &Config::seed, 0, UINT64_MAX),
      Real("val_set_size", &Config::val_set_size, kShare),
      Whole("eval_steps", &Config::eval_steps, 0, UINT32_MAX),
      Whole("early_stopping_patience", &Config::early_stopping_patience, 0, 1000000),

      Whole("workers", &Config::workers, 1, 65536),
      Whole("min_workers", &Config::min_workers, 0, 65536),
      Choice("device", &Config::device, Words({"auto", "cpu", "cuda"})),
      Row("mpirun", &Config::mpirun, &NonEmpty, "a program"),
      Texts("mpirun_args", &Config::mpirun_args, &NonEmpty),

      Whole("save_steps", &Config::save_steps, 0, UINT32_MAX),
      Real("save_minutes", &Config::save_minutes, {0, 1e6}),
      Whole("max_restarts", &Config::max_restarts, 0, 1000000),
      Whole("ddp_timeout", &Config::ddp_timeout, 10, 1000000),

      Choice<Config, ChangedDatasets>(
          "changed_datasets", &Config::changed_datasets,
          {{"new_examples", ChangedDatasets::kNewExamples}, {"all", ChangedDatasets::kAll}}),
      Choice<Config, OnDatasetError>(
          "on_dataset_error", &Config::on_dataset_error,
          {{"skip", OnDatasetError::kSkip}, {"stop", OnDatasetError::kStop}}),
      Whole("max_nonfinite_steps", &Config::max_nonfinite_steps, 1, 1000000),
      Real("loss_watchdog_threshold", &Config::loss_watchdog_threshold, {0, 1e6}),
      Whole("loss_watchdog_patience", &Config::loss_watchdog_patience, 1, 1000000),
      Whole("keep_backups", &Config::keep_backups, 0, 10000),

      Groups("tiers", &Config::tiers, TierKeys(), "name"),
      Groups("datasets", &Config::datasets, DatasetKeys(), "file"),
  };
}

}  // namespace strata
