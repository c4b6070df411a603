#include "coordinator/config/branch_keys.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/config/group_keys.h"
#include "coordinator/config/key_rows.h"
#include "coordinator/config/listen_address.h"

namespace strata {
namespace {

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

constexpr char kAuto[] = "auto";

absl::StatusOr<std::string> ListenText(const YamlValue& value) {
  ASSIGN_OR_RETURN(std::string text, value.Text());
  if (text == kAuto) return text;
  const absl::Status parsed = ParseListenAddress(text).status();
  if (!parsed.ok()) return value.Error(std::string(parsed.message()));
  return text;
}

// A list of hosts is one argument of mpirun, with commas.
absl::StatusOr<std::string> HostAndSlots(const YamlValue& value) {
  ASSIGN_OR_RETURN(std::string text, NonEmpty(value));
  const bool plain = text.find_first_of(", \t/") == std::string::npos && text.front() != '-';
  const size_t colon = text.find(':');
  const bool counted =
      colon == std::string::npos ||
      (colon + 1 < text.size() && text.find_first_not_of("0123456789", colon + 1) == text.npos);
  if (plain && counted && colon != 0) return text;
  return value.Error(absl::StrCat("must be HOST or HOST:SLOTS, as node7:4; is ", text));
}

absl::StatusOr<std::string> Variable(const YamlValue& value) {
  ASSIGN_OR_RETURN(std::string text, NonEmpty(value));
  const std::string name = text.substr(0, text.find('='));
  const bool is_name = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (!is_name) return value.Error(absl::StrCat("must be NAME=VALUE or NAME; is ", text));
  // They let a worker in to the run, and are the run's to set.
  if (name.starts_with("STRATA_"))
    return value.Error(absl::StrCat("is strata's own to set: ", name));
  return text;
}

// As the Trainer takes it: a list, or one word alone; "all" is all that there is.
absl::StatusOr<std::vector<std::string>> Reporters(const YamlValue& value) {
  const absl::StatusOr<std::string> text = value.Text();
  std::vector<std::string> named;
  if (text.ok()) {
    named = {*text};
  } else {
    ASSIGN_OR_RETURN(named, TextList(value, &NonEmpty));
  }
  std::vector<std::string> reporters;
  for (const std::string& name : named) {
    if (name == "none" && named.size() == 1) continue;
    if (name != "tensorboard" && name != "all")
      return value.Error(absl::StrCat("must be none, tensorboard or a list of these, is ", name));
    if (reporters.empty()) reporters.emplace_back("tensorboard");
  }
  return reporters;
}

absl::StatusOr<std::string> MetricsPort(const YamlValue& value) {
  ASSIGN_OR_RETURN(std::string text, value.Text());
  const absl::Status parsed = ParseMetricsAddress(text).status();
  if (!parsed.ok()) return value.Error(std::string(parsed.message()));
  return text;
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

// A switch, or auto, which is kept as unset.
KeyRow<Config> CheckpointingRow() {
  const auto set = [](const YamlValue& value, Config* config) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string text, value.Text());
    const absl::StatusOr<bool> on = value.Bool();
    if (text != kAuto && !on.ok())
      return value.Error(absl::StrCat("must be auto, true or false; is ", text));
    config->gradient_checkpointing = text == kAuto ? std::nullopt : std::optional(*on);
    return absl::OkStatus();
  };
  const auto show = [](const Config& config) {
    return config.gradient_checkpointing ? Show(*config.gradient_checkpointing)
                                         : Show(std::string(kAuto));
  };
  return {"gradient_checkpointing", set, show, "auto, true or false", {kAuto, "true", "false"}};
}

std::vector<KeyRow<Config>> BaseKeys() {
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
  };
}

std::vector<KeyRow<Config>> ExampleKeys() {
  return {
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
  };
}

std::vector<KeyRow<Config>> BatchKeys() {
  return {
      Whole("global_batch_size", &Config::global_batch_size, 1, kRowsMax),
      MicroBatchRow(),
      Real("gpu_memory_gb", &Config::gpu_memory_gb, {0, 1e6}),
      CheckpointingRow(),
      Whole("num_train_epochs", &Config::num_train_epochs, 1, kEpochsMax),
  };
}

std::vector<KeyRow<Config>> ScheduleKeys() {
  return {
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
  };
}

std::vector<KeyRow<Config>> OptimizerKeys() {
  return {
      Real("weight_decay", &Config::weight_decay, {0, 1}),
      Real("adam_beta1", &Config::adam_beta1, kShare),
      Real("adam_beta2", &Config::adam_beta2, kShare),
      Real("adam_epsilon", &Config::adam_epsilon, {0, 1, /*min_included=*/false}),
      Real("max_grad_norm", &Config::max_grad_norm, {0, 1e9}),
      Real("loraplus_lr_ratio", &Config::loraplus_lr_ratio, {0, 1e4, /*min_included=*/false}),
      Real("neftune_noise_alpha", &Config::neftune_noise_alpha, {0, 1000}),
      Whole("seed", &Config::seed, 0, UINT64_MAX),
  };
}

std::vector<KeyRow<Config>> EvaluationKeys() {
  return {
      Real("val_set_size", &Config::val_set_size, kShare),
      Whole("eval_steps", &Config::eval_steps, 0, UINT32_MAX),
      Whole("early_stopping_patience", &Config::early_stopping_patience, 0, 1000000),
  };
}

std::vector<KeyRow<Config>> RunKeys() {
  return {
      Whole("workers", &Config::workers, 1, 65536),
      Whole("min_workers", &Config::min_workers, 0, 65536),
      Choice("device", &Config::device, Words({"auto", "cpu", "cuda"})),
      Choice("launcher", &Config::launcher, Words({"auto", "local", "mpirun", "srun", "external"})),
      Texts("hosts", &Config::hosts, &HostAndSlots),
      Text("hostfile", &Config::hostfile),
      Row("mpirun", &Config::mpirun, &NonEmpty, "a program"),
      Texts("mpirun_args", &Config::mpirun_args, &NonEmpty),
      Texts("srun_args", &Config::srun_args, &NonEmpty),
      Texts("sbatch_args", &Config::sbatch_args, &NonEmpty),
      Text("slurm_template", &Config::slurm_template),
      Texts("worker_env", &Config::worker_env, &Variable),
      Text("network_interface", &Config::network_interface),
      Row("listen", &Config::listen, &ListenText, "auto, HOST or HOST:PORT"),
      Text("tls_certificate_file", &Config::tls_certificate_file),
      Text("tls_key_file", &Config::tls_key_file),

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
      Text("backup_mirror", &Config::backup_mirror),
  };
}

std::vector<KeyRow<Config>> ReportKeys() {
  KeyRow<Config> report_to =
      Row("report_to", &Config::report_to, &Reporters, "none, tensorboard, or a list of these");
  report_to.choices = {"none", "tensorboard"};
  return {
      std::move(report_to),
      Text("logging_dir", &Config::logging_dir),
      Text("metrics_file", &Config::metrics_file),
      Row("metrics_port", &Config::metrics_port, &MetricsPort, "0, PORT or HOST:PORT"),
      Choice("log_format", &Config::log_format, Words({"text", "json"})),
  };
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
  std::vector<KeyRow<Config>> keys;
  for (std::vector<KeyRow<Config>>& part : std::vector{
           BaseKeys(), ExampleKeys(), BatchKeys(), ScheduleKeys(), OptimizerKeys(),
           EvaluationKeys(), RunKeys(), ReportKeys(), std::vector{TiersRow(), DatasetsRow()}})
    std::move(part.begin(), part.end(), std::back_inserter(keys));
  return keys;
}

}  // namespace strata
