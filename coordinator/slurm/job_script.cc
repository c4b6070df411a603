#include "coordinator/slurm/job_script.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/shell_word.h"
#include "common/status_macros.h"
#include "coordinator/slurm/sbatch_word.h"

namespace strata {
namespace {

// sbatch takes a name of any letters, but squeue and the shell are easier with these.
std::string PlainName(std::string name) {
  for (char& c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    if (!plain) c = '_';
  }
  return name;
}

// --ntasks, --ntasks-per-node, -n4 and so on.
bool SaysTasks(const std::vector<std::string>& options) {
  return std::any_of(options.begin(), options.end(), [](const std::string& option) {
    return option.rfind("--ntasks", 0) == 0 || option.rfind("-n", 0) == 0;
  });
}

// The GPUs of a node in --gpus-per-node=[TYPE:]N or --gres=gpu[:TYPE]:N; nullopt in other options.
std::optional<uint32_t> GpusIn(const std::string& option) {
  if (!option.starts_with("--gpus-per-node=") && !option.starts_with("--gres=gpu:"))
    return std::nullopt;
  uint32_t gpus = 0;
  if (!absl::SimpleAtoi(option.substr(option.find_last_of("=:") + 1), &gpus)) return std::nullopt;
  return gpus;
}

// The last of what is asked for, in the order in which sbatch reads it.
std::optional<uint32_t> GpusPerNode(const JobResources& resources,
                                    const std::vector<std::string>& shared) {
  std::optional<uint32_t> gpus;
  const auto look = [&](const std::vector<std::string>& options) {
    for (const std::string& option : options) gpus = GpusIn(option) ? GpusIn(option) : gpus;
  };
  look(shared);
  if (resources.gpus_per_node) gpus = resources.gpus_per_node;
  look(resources.sbatch_args);
  return gpus;
}

std::string OutputOf(const Job& job) {
  if (job.branches.size() > 1) return "/dev/null";
  return SbatchWord(SbatchFileName(JobsDir(job.branches.front())) + "/%j.log");
}

// What sbatch would take, and what would end otherwise than the user meant.
absl::Status CheckOption(const std::string& option) {
  if (option.find('\n') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("--sbatch-arg ", option, ": has a line break; write it on one line"));
  }
  if (option.rfind("--array", 0) == 0 || option.rfind("-a", 0) == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        option, ": strata makes the array itself, a task for each branch; name several branches"));
  }
  constexpr std::string_view kTime = "--time=";
  if (option.rfind(kTime, 0) != 0) return absl::OkStatus();
  const std::string time = option.substr(kTime.size());
  const bool of_digits = !time.empty() && absl::ascii_isdigit(time[0]) &&
                         time.find_first_not_of("0123456789:-") == std::string::npos;
  if (of_digits || time == "UNLIMITED" || time == "INFINITE") return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(option, ": takes MINUTES, HH:MM:SS or D-HH:MM:SS"));
}

absl::StatusOr<std::string> SbatchLines(const Job& job) {
  for (const std::string& option : job.options) RETURN_IF_ERROR(CheckOption(option));
  std::vector<std::string> options = job.options;
  if (job.branches.size() > 1)
    options.push_back(absl::StrCat("--array=0-", job.branches.size() - 1));
  if (!job.after.empty())
    options.push_back("--dependency=afterany:" + absl::StrJoin(job.after, ":"));
  std::vector<std::string> lines;
  for (const std::string& option : options) lines.push_back("#SBATCH " + SbatchWord(option));
  return absl::StrJoin(lines, "\n");
}

std::string Words(const std::vector<std::string>& words, const char* between) {
  std::vector<std::string> quoted;
  for (const std::string& word : words) quoted.push_back(ShellWord(word));
  return absl::StrJoin(quoted, between);
}

}  // namespace

std::vector<std::string> SbatchOptions(const JobResources& resources,
                                       const std::vector<std::string>& shared, uint32_t workers) {
  std::vector<std::string> options = shared;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) options.push_back(absl::StrCat("--", name, "=", value));
  };
  const auto add_count = [&](const char* name, const std::optional<uint32_t>& count) {
    if (count.has_value()) add(name, absl::StrCat(*count));
  };
  const bool says_tasks = SaysTasks(shared) || SaysTasks(resources.sbatch_args);
  std::optional<uint32_t> per_node = resources.ntasks_per_node;
  if (!per_node && !says_tasks) per_node = GpusPerNode(resources, shared);
  add_count("nodes", per_node ? resources.nodes.value_or(1) : resources.nodes);
  add_count("ntasks-per-node", per_node);
  if (!per_node && !says_tasks)
    add("ntasks", absl::StrCat(std::max(workers, resources.nodes.value_or(1))));
  add_count("gpus-per-node", resources.gpus_per_node);
  add_count("cpus-per-task", resources.cpus_per_task);
  add("time", resources.time);
  add("mem", resources.mem);
  add("partition", resources.partition);
  add("account", resources.account);
  add("qos", resources.qos);
  options.insert(options.end(), resources.sbatch_args.begin(), resources.sbatch_args.end());
  return options;
}

absl::Status CheckFolderName(const std::filesystem::path& folder) {
  if (folder.string().find('\n') == std::string::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      folder.string(), ": has a line break in its name, which no line of sbatch's can; rename it"));
}

std::filesystem::path JobsDir(const std::filesystem::path& branch) { return branch / "jobs"; }

absl::StatusOr<std::string> JobScript(const Job& job) {
  for (const std::filesystem::path& branch : job.branches) RETURN_IF_ERROR(CheckFolderName(branch));
  ASSIGN_OR_RETURN(const std::string sbatch, SbatchLines(job));
  std::vector<std::string> branches;
  for (const std::filesystem::path& branch : job.branches) branches.push_back(branch.string());
  return FillTemplate(job.job_template,
                      {{"job_name", PlainName(job.name)},
                       {"output", OutputOf(job)},
                       {"sbatch", sbatch},
                       {"branches", Words(branches, "\n")},
                       {"strata", ShellWord(job.strata.string())},
                       {"train_arguments", Words(job.train_arguments, " ")}},
                      "branches");
}

}  // namespace strata
