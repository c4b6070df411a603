#include "coordinator/slurm/job_script.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/shell_word.h"
#include "common/status_macros.h"
#include "coordinator/catalog/example.h"
#include "coordinator/slurm/sbatch_word.h"

namespace strata {
namespace {

constexpr char kAfter[] = "--dependency=";

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

// N of "[TYPE:]N".
std::optional<uint32_t> CountIn(const std::string& resource) {
  uint32_t count = 0;
  const std::string number = resource.substr(resource.rfind(':') + 1);
  return absl::SimpleAtoi(number, &count) ? std::optional(count) : std::nullopt;
}

// The GPUs of a node in --gpus-per-node=[TYPE:]N or --gres=…,gpu[:TYPE]:N; nullopt in others.
std::optional<uint32_t> GpusIn(const std::string& option) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(option, absl::MaxSplits('=', 1));
  if (parts.first == "--gpus-per-node") return CountIn(parts.second);
  if (parts.first != "--gres") return std::nullopt;
  for (const std::string& resource : std::vector<std::string>(absl::StrSplit(parts.second, ','))) {
    if (resource == "gpu") return 1;
    if (resource.starts_with("gpu:")) return CountIn(resource);
  }
  return std::nullopt;
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

// Whether the option is --NAME or an abbreviation of it, of three letters or more, as sbatch takes.
bool IsNamed(const std::string& option, std::string_view name) {
  const std::string given = option.substr(0, option.find('='));
  return given.size() >= 5 && given.starts_with("--") && name.starts_with(given.substr(2));
}

// What a script of strata's can't have: it would not be submitted, or not be known.
absl::Status CheckSubmits(const std::string& option) {
  const std::map<std::string_view, std::string_view> others = {
      {"wait", "strata watch follows the run"},
      {"test-only", "strata submit --dry-run shows the script"},
      {"wrap", "--template has a script of your own"}};
  for (const auto& [name, instead] : others) {
    const bool is_short = name == "wait" && option == "-W";
    if (!is_short && !IsNamed(option, name)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(option, ": is no option of a job; leave it out: ", std::string(instead)));
  }
  if (!option.starts_with("-d") && (!IsNamed(option, "dependency") || option.starts_with(kAfter)))
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(option, ": write it out: --sbatch-arg=--dependency=TYPE:JOB"));
}

// What sbatch would take, and what would end otherwise than the user meant.
absl::Status CheckOption(const std::string& option) {
  if (option.find('\n') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("--sbatch-arg ", option, ": has a line break; write it on one line"));
  }
  RETURN_IF_ERROR(CheckSubmits(option));
  if (IsNamed(option, "array") || option.starts_with("-a")) {
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

// Takes the user's own dependency out, of which sbatch reads the last; with a comma behind it.
absl::StatusOr<std::string> TakeDependency(std::vector<std::string>* options) {
  std::string theirs;
  for (const std::string& option : *options) {
    if (option.starts_with(kAfter)) theirs = option.substr(std::string_view(kAfter).size()) + ",";
  }
  std::erase_if(*options, [](const std::string& option) { return option.starts_with(kAfter); });
  if (theirs.find('?') == std::string::npos) return theirs;
  return absl::InvalidArgumentError(
      absl::StrCat(kAfter, theirs,
                   " the branch's last job must have ended too, which no ? can be joined with; "
                   "submit when it has, or write the dependency with commas"));
}

absl::StatusOr<std::string> SbatchLines(const Job& job) {
  for (const std::string& option : job.options) RETURN_IF_ERROR(CheckOption(option));
  std::vector<std::string> options = job.options;
  if (job.branches.size() > 1)
    options.push_back(absl::StrCat("--array=0-", job.branches.size() - 1));
  if (!job.after.empty()) {
    ASSIGN_OR_RETURN(const std::string theirs, TakeDependency(&options));
    options.push_back(absl::StrCat(kAfter, theirs, "afterany:", absl::StrJoin(job.after, ":")));
  }
  std::vector<std::string> lines;
  for (const std::string& option : options) lines.push_back("#SBATCH " + SbatchWord(option));
  return absl::StrJoin(lines, "\n");
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
  const std::string name = folder.string();
  if (name.find('\n') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": has a line break in its name, which no line of sbatch's can; rename it"));
  }
  if (IsUtf8(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": its name is not UTF-8, which the record of its jobs is; rename it"));
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
                       {"branches", ShellWords(branches, "\n")},
                       {"strata", ShellWord(job.strata.string())},
                       {"train_arguments", ShellWords(job.train_arguments)}},
                      "branches");
}

}  // namespace strata
