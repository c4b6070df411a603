// jobs: the Slurm jobs that branches were submitted in, and how each is.
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/branch_folders.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/terminal.h"
#include "coordinator/cli/text_table.h"
#include "coordinator/slurm/branch_jobs.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr char kAbout[] =
    "Show the Slurm jobs of branches, or of all branches below a folder, as squeue and sacct tell "
    "them; where these can't be asked, what is recorded";

struct JobsOptions {
  BranchOptions branch;
  std::vector<std::string> folders;
  bool all = false;
};

std::string StateText(const BranchJob& job) {
  if (!job.state.state.empty()) return job.state.state;
  return job.asked ? "forgotten" : "unknown";
}

// What Slurm says of a job that waits; of one that has ended, how its program did.
std::string WhyText(const JobState& job) {
  const std::pair<std::string, std::string> code =
      absl::StrSplit(job.exit_code, absl::MaxSplits(':', 1));
  const auto& [status, signal] = code;
  if (job.active() || job.exit_code.empty()) return job.reason;
  if (signal != "0" && !signal.empty()) return "signal " + signal;
  return status != "0" ? "exit code " + status : job.reason;
}

Style StyleOf(const BranchJob& job) {
  if (job.state.state == "COMPLETED") return Style::kGreen;
  if (job.state.state.empty()) return Style::kDim;
  return job.state.active() ? Style::kYellow : Style::kRed;
}

Json ToJson(const BranchJobs& found) {
  Json json = {{"jobs", Json::array()},
               {"unasked", found.unasked.empty() ? Json() : Json(found.unasked)}};
  for (const BranchJob& job : found.jobs) {
    json["jobs"].push_back({{"job", job.record.job},
                            {"branch", job.branch.string()},
                            {"name", job.record.name},
                            {"state", StateText(job)},
                            {"active", !job.state.state.empty() && job.state.active()},
                            {"reason", job.state.reason},
                            {"exit_code", job.state.exit_code},
                            {"elapsed", job.state.elapsed},
                            {"nodes", job.state.nodes},
                            {"restarts", job.state.restarts},
                            {"submitted", job.record.submitted},
                            {"script", job.record.script.string()}});
  }
  return json;
}

void PrintTable(const BranchJobs& found) {
  const Terminal terminal = Terminal::Of(fileno(stdout));
  TextTable table({{"job"},
                   {"branch", false, /*shrinks=*/true},
                   {"state"},
                   {"why", false, false, /*leaves=*/3},
                   {"elapsed", true, false, /*leaves=*/2},
                   {"restarts", true, false, /*leaves=*/4},
                   {"nodes", false, false, /*leaves=*/5},
                   {"submitted", false, false, /*leaves=*/1}});
  for (const BranchJob& job : found.jobs) {
    table.AddRow({{job.record.job},
                  {job.branch.filename().string()},
                  {StateText(job), StyleOf(job)},
                  {WhyText(job.state)},
                  {job.state.elapsed},
                  {job.state.restarts},
                  {job.state.nodes},
                  {job.record.submitted}});
  }
  std::printf("%s", table.Render(terminal).c_str());
}

// Of each branch its active jobs and its last one.
void KeepLatest(BranchJobs* found) {
  std::vector<BranchJob> kept;
  for (size_t i = 0; i < found->jobs.size(); ++i) {
    const BranchJob& job = found->jobs[i];
    const bool last = i + 1 == found->jobs.size() || found->jobs[i + 1].branch != job.branch;
    if (last || (!job.state.state.empty() && job.state.active())) kept.push_back(job);
  }
  found->jobs = std::move(kept);
}

absl::StatusOr<ExitCode> RunJobs(const JobsOptions& options) {
  std::vector<fs::path> branches;
  const std::vector<std::string> here = {options.branch.branch};
  for (const std::string& folder : options.folders.empty() ? here : options.folders) {
    ASSIGN_OR_RETURN(const std::vector<fs::path> found, BranchesAt(folder));
    branches.insert(branches.end(), found.begin(), found.end());
  }
  ASSIGN_OR_RETURN(BranchJobs found, JobsOf(branches));
  if (!options.all) KeepLatest(&found);
  if (options.branch.json) {
    std::printf("%s\n", DumpJson(ToJson(found), 1).c_str());
    return ExitCode::kOk;
  }
  if (!found.unasked.empty())
    PrintWarning("some states are those recorded, not asked for: " + found.unasked);
  if (found.jobs.empty()) {
    std::printf("no jobs; submit one with strata submit\n");
  } else {
    PrintTable(found);
  }
  return ExitCode::kOk;
}

}  // namespace

void AddJobs(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand("jobs", kAbout);
  auto options = std::make_shared<JobsOptions>();
  AddBranchOptions(command, &options->branch);
  command->add_option("DIR", options->folders, "Branches, or folders of branches; instead of -C")
      ->type_name("DIR");
  command->add_flag("--all", options->all, "Also jobs that have ended before a branch's last one");
  command->callback([=] { *action = [=] { return RunJobs(*options); }; });
}

}  // namespace strata
