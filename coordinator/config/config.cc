#include "coordinator/config/config.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "coordinator/config/glob.h"

namespace strata {
namespace {

int TierNamed(const Config& config, std::string_view name) {
  for (size_t i = 0; i < config.tiers.size(); ++i) {
    if (config.tiers[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

bool Matches(const TierConfig& tier, std::string_view file_name) {
  return std::any_of(tier.match.begin(), tier.match.end(),
                     [&](const std::string& glob) { return GlobMatches(glob, file_name); });
}

absl::Status ValidateTierNames(const Config& config) {
  std::set<std::string> names;
  for (const TierConfig& tier : config.tiers) {
    if (tier.name.empty()) return absl::FailedPreconditionError("tiers: a tier has no name");
    if (!names.insert(tier.name).second) {
      return absl::FailedPreconditionError(
          absl::StrCat("tiers: two tiers have one name; join or rename them: ", tier.name));
    }
  }
  return absl::OkStatus();
}

// A rate that the schedule never looks at would be believed in.
absl::Status ValidateSchedule(const Config& config) {
  const bool takes_min = config.lr_scheduler_type == Schedule::kCosineWithMinLr ||
                         config.lr_scheduler_type == Schedule::kWarmupStableDecay;
  if (config.min_lr_rate > 0 && !takes_min) {
    return absl::FailedPreconditionError(absl::StrCat(
        "min_lr_rate: this lr_scheduler_type has no lowest rate; take cosine_with_min_lr or "
        "warmup_stable_decay, or remove it: ",
        config.min_lr_rate));
  }
  if (config.lr_scheduler_type == Schedule::kCosineWithMinLr && config.min_lr_rate == 0) {
    return absl::FailedPreconditionError(
        "min_lr_rate: cosine_with_min_lr needs it, the lowest rate as a share of the highest; "
        "set it, as 0.1, or take cosine, which goes down to 0");
  }
  return absl::OkStatus();
}

// Without held-out prompts there is nothing to evaluate, and nobody would be told.
absl::Status ValidateEvaluation(const Config& config) {
  if (config.val_set_size > 0) return absl::OkStatus();
  for (const auto& [key, value] :
       {std::pair{"early_stopping_patience", config.early_stopping_patience},
        std::pair{"eval_steps", config.eval_steps}}) {
    if (value == 0) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        key,
        ": needs prompts that are held out; set val_set_size, as 0.05, or remove it: ", value));
  }
  return absl::OkStatus();
}

// A patience that nothing is measured against would be believed in.
absl::Status ValidateWatchdog(const Config& config) {
  const bool is_given = config.loss_watchdog_patience != Config().loss_watchdog_patience;
  if (config.loss_watchdog_threshold > 0 || !is_given) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "loss_watchdog_patience: the watchdog is off while loss_watchdog_threshold is 0; set that to "
      "the loss that is too high, as 4, or remove this: ",
      config.loss_watchdog_patience));
}

// How many workers a host of `hosts` may have; nullopt where it does not say.
std::optional<uint32_t> SlotsOf(const std::string& host) {
  const size_t colon = host.rfind(':');
  uint32_t slots = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(host.substr(colon + 1), &slots))
    return std::nullopt;
  return slots;
}

absl::Status ValidateSlots(const Config& config) {
  uint64_t all = 0;
  for (const std::string& host : config.hosts) {
    const std::optional<uint32_t> slots = SlotsOf(host);
    if (!slots.has_value()) return absl::OkStatus();
    all += *slots;
  }
  if (config.hosts.empty() || config.workers <= all) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("hosts: they have room for ", all, ", HOST:SLOTS each, and workers is ",
                   config.workers, "; lower workers (--workers), or give a host more slots: ",
                   absl::StrJoin(config.hosts, ", ")));
}

// Hosts that nobody starts anything on would be believed in.
absl::Status ValidateLauncher(const Config& config) {
  if (!config.hosts.empty() && !config.hostfile.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "hosts: the hostfile names hosts too; keep one of them: ", config.hostfile.string()));
  }
  const bool takes_hosts = config.launcher == "auto" || config.launcher == "mpirun";
  if (takes_hosts || (config.hosts.empty() && config.hostfile.empty()))
    return ValidateSlots(config);
  return absl::FailedPreconditionError(absl::StrCat(
      config.hosts.empty() ? "hostfile" : "hosts",
      ": only mpirun takes it; set launcher: mpirun, or remove it: launcher is ", config.launcher));
}

// What stands between braces in a path of a run and is no name of it would be believed in.
absl::Status ValidateNamedPath(const char* key, const std::string& path) {
  for (size_t at = path.find('{'); at != std::string::npos; at = path.find('{', at + 1)) {
    const std::string_view rest = std::string_view(path).substr(at);
    if (rest.starts_with("{branch}") || rest.starts_with("{run}")) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        key, ": only {branch} and {run} stand for names in it; take the other braces out: ", path));
  }
  return absl::OkStatus();
}

absl::Status ValidateReports(const Config& config) {
  RETURN_IF_ERROR(ValidateNamedPath("logging_dir", config.logging_dir));
  RETURN_IF_ERROR(ValidateNamedPath("metrics_file", config.metrics_file));
  if (config.metrics_file.empty() || config.metrics_file.ends_with(".prom"))
    return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "metrics_file: the textfile collector reads names that end in .prom alone; add that: ",
      config.metrics_file));
}

absl::Status ValidateTls(const Config& config) {
  if (config.tls_certificate_file.empty() == config.tls_key_file.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      config.tls_key_file.empty()
          ? absl::StrCat("tls_certificate_file: needs the certificate's key; set tls_key_file: ",
                         config.tls_certificate_file.string())
          : absl::StrCat("tls_key_file: needs the key's certificate; set tls_certificate_file: ",
                         config.tls_key_file.string()));
}

// The name is a folder of the mirror; and a mirror among the adapters would be one of them.
absl::Status ValidateMirror(const Config& config) {
  if (config.backup_mirror.empty()) return absl::OkStatus();
  if (config.name.find('/') != std::string::npos || config.name.front() == '.') {
    return absl::FailedPreconditionError(absl::StrCat(
        "name: backup_mirror has a folder of that name, so it can have no slash and begin with no "
        "dot: ",
        config.name));
  }
  const std::filesystem::path inside =
      config.backup_mirror.lexically_relative(config.AdaptersDir());
  if (inside.empty() || *inside.begin() == "..") return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("backup_mirror: must not lie in the branch's own adapters; name a folder on "
                   "another disk: ",
                   config.backup_mirror.string()));
}

absl::Status ValidateDatasets(const Config& config) {
  std::set<std::string> files;
  for (const DatasetConfig& dataset : config.datasets) {
    if (!files.insert(dataset.file).second) {
      return absl::FailedPreconditionError(
          absl::StrCat("datasets: a file is listed twice; join its entries: ", dataset.file));
    }
    if (dataset.tier.has_value() && TierNamed(config, *dataset.tier) < 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("datasets: the tier of ", dataset.file,
                       " is not in tiers; add it there or correct it: ", *dataset.tier));
    }
  }
  return absl::OkStatus();
}

// A file listed where it does not belong would be ordered by nobody, and nobody would be told.
absl::Status ValidateOrders(const Config& config) {
  for (size_t i = 0; i < config.tiers.size(); ++i) {
    const TierConfig& tier = config.tiers[i];
    std::set<std::string> listed;
    for (const std::string& file : tier.order) {
      if (!listed.insert(file).second) {
        return absl::FailedPreconditionError(
            absl::StrCat("tiers: the order of ", tier.name, " lists a file twice: ", file));
      }
      const int owner = TierOf(config, file);
      if (owner == static_cast<int>(i)) continue;
      return absl::FailedPreconditionError(absl::StrCat(
          "tiers: the order of ", tier.name, " lists a file that ",
          owner < 0 ? "no tier claims" : absl::StrCat("tier ", config.tiers[owner].name, " claims"),
          "; move it, or change match: ", file));
    }
  }
  return absl::OkStatus();
}

}  // namespace

const DatasetConfig* DatasetConfigOf(const Config& config, std::string_view file_name) {
  for (const DatasetConfig& dataset : config.datasets) {
    if (dataset.file == file_name) return &dataset;
  }
  return nullptr;
}

int TierOf(const Config& config, std::string_view file_name) {
  const DatasetConfig* dataset = DatasetConfigOf(config, file_name);
  if (dataset != nullptr && dataset->tier.has_value()) return TierNamed(config, *dataset->tier);
  for (size_t i = 0; i < config.tiers.size(); ++i) {
    if (Matches(config.tiers[i], file_name)) return static_cast<int>(i);
  }
  return -1;
}

absl::Status Validate(const Config& config) {
  if (config.name.empty()) {
    return absl::FailedPreconditionError(
        "name: the branch's folder has no name; set one in branch.yaml");
  }
  if (config.model_name_or_path.empty()) {
    return absl::FailedPreconditionError(
        "model_name_or_path: missing; name the base model's folder in branch.yaml");
  }
  RETURN_IF_ERROR(ValidateSchedule(config));
  RETURN_IF_ERROR(ValidateEvaluation(config));
  RETURN_IF_ERROR(ValidateWatchdog(config));
  RETURN_IF_ERROR(ValidateLauncher(config));
  RETURN_IF_ERROR(ValidateReports(config));
  RETURN_IF_ERROR(ValidateTls(config));
  RETURN_IF_ERROR(ValidateMirror(config));
  RETURN_IF_ERROR(ValidateTierNames(config));
  RETURN_IF_ERROR(ValidateDatasets(config));
  return ValidateOrders(config);
}

}  // namespace strata
