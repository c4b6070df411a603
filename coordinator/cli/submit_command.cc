// submit: hands the training of branches to Slurm, now or each month.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/folder_path.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/branch_folders.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/error_text.h"
#include "coordinator/slurm/monthly_entry.h"
#include "coordinator/slurm/slurm_commands.h"
#include "coordinator/slurm/submission.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr char kAbout[] =
    "Have Slurm train branches: writes a job script, submits it by sbatch, records the job. A "
    "folder that is no branch stands for all branches below it";
constexpr char kMore[] =
    "A job that is preempted or near its time limit leaves a checkpoint, is requeued and goes on "
    "from there; one that fails is not. Several branches become an array, each task its own; a "
    "branch whose last job has not ended yet waits for it. `strata jobs` shows them, `strata "
    "cancel` ends them.";

struct SubmitOptions {
  BranchOptions branch;
  std::vector<std::string> folders;
  SubmitRequest request;
  bool monthly = false;
  std::vector<std::string> words;  // the options as given, for the monthly entry

  std::vector<fs::path> Folders() const {
    if (folders.empty()) return {branch.branch};
    return {folders.begin(), folders.end()};
  }
};

fs::path ThisProgram() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error);
}

void AddResources(CLI::App* command, JobResources* resources) {
  const auto add_count = [&](const char* name, std::optional<uint32_t>* count, const char* about) {
    command->add_option(name, *count, about)->check(CLI::Range(1, 65536));
  };
  add_count("--nodes", &resources->nodes, "Nodes of a job");
  add_count("--gpus-per-node", &resources->gpus_per_node, "GPUs of a node: a rank on each");
  add_count("--ntasks-per-node", &resources->ntasks_per_node,
            "Ranks of a node, if not one for each GPU; without either, `workers` of branch.yaml");
  add_count("--cpus-per-task", &resources->cpus_per_task, "Cores of a rank");
  command->add_option("--time", resources->time, "Time limit of a start, as D-HH:MM:SS")
      ->type_name("D-HH:MM:SS");
  command->add_option("--mem", resources->mem, "Memory of a node, as 64G")->type_name("SIZE");
  command->add_option("--partition", resources->partition, "Slurm's partition")->type_name("NAME");
  command->add_option("--account", resources->account, "Slurm's account")->type_name("NAME");
  command->add_option("--qos", resources->qos, "Slurm's quality of service")->type_name("NAME");
  command
      ->add_option("--sbatch-arg", resources->sbatch_args,
                   "Any other option of sbatch, as --sbatch-arg=--exclusive; repeatable")
      ->type_name("OPTION")
      ->allow_extra_args(false);
}

Json ToJson(const Submission& submission) {
  Json json = {
      {"jobs", Json::array()}, {"refused", Json::array()}, {"warnings", submission.warnings}};
  for (const SubmittedJob& job : submission.jobs) {
    Json branches = Json::array();
    for (size_t i = 0; i < job.job.branches.size(); ++i) {
      branches.push_back({{"branch", job.job.branches[i].string()},
                          {"job", job.id.empty() ? Json() : Json(PartOf(job, i))}});
    }
    json["jobs"].push_back({{"job", job.id.empty() ? Json() : Json(job.id)},
                            {"name", job.job.name},
                            {"branches", branches},
                            {"waits_for", job.job.after},
                            {"script", job.script}});
  }
  for (const RefusedBranch& branch : submission.refused)
    json["refused"].push_back(
        {{"branch", branch.branch.string()}, {"error", std::string(branch.why.message())}});
  return json;
}

void PrintJob(const SubmittedJob& job) {
  if (job.id.empty()) {
    std::printf("%s", job.script.c_str());
    return;
  }
  for (size_t i = 0; i < job.job.branches.size(); ++i) {
    std::printf("job %s trains %s%s\n", PartOf(job, i).c_str(), job.job.branches[i].c_str(),
                job.job.after.empty()
                    ? ""
                    : absl::StrCat(" after job ", absl::StrJoin(job.job.after, ", ")).c_str());
  }
}

void PrintText(const Submission& submission) {
  for (const SubmittedJob& job : submission.jobs) PrintJob(job);
  for (const std::string& warning : submission.warnings) PrintWarning(warning);
  for (const RefusedBranch& branch : submission.refused)
    PrintError(absl::StrCat("not submitted: ", branch.branch.string(), ": ", branch.why.message()));
}

// Submits the branches of every folder; a folder without one is refused as a branch is.
Submission SubmitFolders(const SubmitOptions& options, const SubmitRequest& request) {
  std::vector<fs::path> branches;
  std::vector<RefusedBranch> refused;
  for (const fs::path& folder : options.Folders()) {
    const absl::StatusOr<std::vector<fs::path>> found = BranchesAt(folder);
    if (found.ok()) {
      branches.insert(branches.end(), found->begin(), found->end());
    } else {
      refused.push_back({folder, found.status()});
    }
  }
  Submission submission = Submit(branches, request);
  submission.refused.insert(submission.refused.begin(), refused.begin(), refused.end());
  return submission;
}

absl::StatusOr<ExitCode> SubmitNow(const SubmitOptions& options) {
  const Submission submission = SubmitFolders(options, options.request);
  const std::vector<RefusedBranch>& refused = submission.refused;
  if (submission.jobs.empty() && refused.size() == 1 && !options.branch.json)
    return refused.front().why;
  if (options.branch.json) {
    std::printf("%s\n", DumpJson(ToJson(submission), 1).c_str());
  } else {
    PrintText(submission);
  }
  return refused.empty() ? ExitCode::kOk : ExitCodeOf(refused.front().why);
}

// Beside the branches or, in a folder of others, in this user's home.
fs::path LogOf(const fs::path& folder) {
  const char* const home = std::getenv("HOME");
  const bool writable = access(folder.c_str(), W_OK) == 0;
  return (writable || home == nullptr ? folder : fs::path(home)) / "strata-monthly.log";
}

// The entry's own job is short, but belongs where the others do.
MonthlyEntry EntryOf(const SubmitOptions& options) {
  std::vector<std::string> folders;
  // One entry however a folder is written.
  for (const fs::path& folder : options.Folders())
    folders.push_back(FolderPath(fs::absolute(folder)).string());
  const JobResources& resources = options.request.resources;
  MonthlyEntry entry{.folders = absl::StrJoin(folders, " "), .log = LogOf(folders[0])};
  entry.options = {"--job-name=strata-monthly", "--time=15"};
  if (!resources.partition.empty()) entry.options.push_back("--partition=" + resources.partition);
  if (!resources.account.empty()) entry.options.push_back("--account=" + resources.account);
  if (!resources.qos.empty()) entry.options.push_back("--qos=" + resources.qos);
  entry.command = EnvironmentForCron();
  entry.command.insert(entry.command.end(), {options.request.strata.string(), "submit"});
  entry.command.insert(entry.command.end(), folders.begin(), folders.end());
  entry.command.insert(entry.command.end(), options.words.begin(), options.words.end());
  return entry;
}

// What no branch can be submitted with is refused now, not in the night of the first.
absl::Status CheckOptions(const SubmitOptions& options) {
  SubmitRequest request = options.request;
  request.dry_run = true;
  const Submission tried = SubmitFolders(options, request);
  return tried.jobs.empty() && !tried.refused.empty() ? tried.refused.front().why
                                                      : absl::OkStatus();
}

absl::StatusOr<ExitCode> SubmitMonthly(const SubmitOptions& options) {
  // The entry has a line for the folder itself, not only for the branches in it.
  for (const fs::path& folder : options.Folders())
    RETURN_IF_ERROR(CheckFolderName(fs::absolute(folder)));
  RETURN_IF_ERROR(CheckOptions(options));
  const MonthlyEntry entry = EntryOf(options);
  for (const std::string& word : entry.command) {
    if (word.find('\n') == std::string::npos) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(word, ": has a line break, which no line of a crontab can; write it on one"));
  }
  absl::StatusOr<Crontab> table = CrontabHere();
  const bool dry_run = options.request.dry_run;
  // What would be written can be shown on a machine without either.
  if (!table.ok() && dry_run) table = Crontab::kSlurm;
  RETURN_IF_ERROR(table.status());
  const std::string text = EntryText(entry, *table), program = ProgramOf(*table);
  std::vector<std::string> warnings;
  if (!dry_run) {
    ASSIGN_OR_RETURN(const std::vector<std::string> others, InstallEntry(entry, *table));
    for (const std::string& other : others)
      warnings.push_back(absl::StrCat(program, " has an entry for ", other,
                                      " too: the branches of both are submitted twice each month; ",
                                      program, " -e takes one of them out"));
  }
  if (options.branch.json) {
    const Json json = {{"entry", text},
                       {"installed_by", dry_run ? Json() : Json(program)},
                       {"warnings", warnings}};
    std::printf("%s\n", DumpJson(json, 1).c_str());
  } else {
    std::printf("%s", text.c_str());
    for (const std::string& warning : warnings) PrintWarning(warning);
    if (!dry_run)
      std::printf("%s has it; %s -e changes or removes it\n", program.c_str(), program.c_str());
  }
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> RunSubmit(SubmitOptions options) {
  options.request.set = options.branch.set;
  options.request.strata = ThisProgram();
  return options.monthly ? SubmitMonthly(options) : SubmitNow(options);
}

// The options that a monthly entry repeats, each as --NAME=VALUE.
std::vector<std::string> WordsOf(const CLI::App& command) {
  std::vector<std::string> words;
  for (const CLI::Option* option : command.get_options()) {
    const std::string name = option->get_name();
    if (option->get_positional() || option->get_expected_min() == 0 || name == "--branch") continue;
    for (const std::string& value : option->results()) {
      const bool path = name == "--template";
      words.push_back(absl::StrCat(name, "=", path ? fs::absolute(value).string() : value));
    }
  }
  return words;
}

}  // namespace

void AddSubmit(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand("submit", kAbout);
  command->footer(kMore);
  auto options = std::make_shared<SubmitOptions>();
  AddBranchOptions(command, &options->branch);
  command->add_option("DIR", options->folders, "Branches, or folders of branches; instead of -C")
      ->type_name("DIR");
  AddResources(command, &options->request.resources);
  command->add_option("--launcher", options->request.launcher, "Launcher of strata train")
      ->check(CLI::IsMember({"auto", "local", "mpirun", "srun"}));
  command
      ->add_option("--template", options->request.job_template,
                   "A job script's template, instead of branch.yaml's slurm_template")
      ->type_name("FILE");
  command->add_flag("--dry-run", options->request.dry_run, "Print what would be submitted");
  command->add_flag(
      "--monthly", options->monthly,
      "Submit on the first of each month: adds an entry to scrontab or, without that, "
      "crontab");
  command->callback([=] {
    options->words = WordsOf(*command);
    *action = [=] { return RunSubmit(*options); };
  });
}

}  // namespace strata
