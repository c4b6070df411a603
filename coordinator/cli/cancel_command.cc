// cancel: ends Slurm jobs of a branch, or one job.
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/branch_folders.h"
#include "coordinator/cli/command.h"
#include "coordinator/slurm/branch_jobs.h"
#include "coordinator/slurm/job_listing.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr char kAbout[] =
    "Cancel Slurm jobs: those of a branch, or of the branches below a folder, that wait or run; "
    "or one job by its number. What a job has trained stays: the next strata train or submit goes "
    "on from its last checkpoint";

struct CancelOptions {
  BranchOptions branch;
  std::optional<std::string> what;
};

// The jobs that `what`, which is no job's number, has under way.
absl::StatusOr<std::vector<std::string>> ActiveJobs(const fs::path& what) {
  ASSIGN_OR_RETURN(const std::vector<fs::path> branches, BranchesAt(what));
  ASSIGN_OR_RETURN(const BranchJobs found, JobsOf(branches));
  std::vector<std::string> active;
  for (const BranchJob& job : found.jobs) {
    if (!job.asked) return absl::UnavailableError(found.unasked);
    if (!job.state.state.empty() && job.state.active()) active.push_back(job.record.job);
  }
  return active;
}

// NOT_FOUND unless the job, or a task of it, waits or runs.
absl::Status CheckActive(const std::string& job) {
  ASSIGN_OR_RETURN(const JobStates states, AskJobs({job}));
  for (const auto& [id, state] : states.known) {
    if ((id == job || ArrayOf(id) == job) && state.active()) return absl::OkStatus();
  }
  return absl::NotFoundError(
      absl::StrCat("no job ", job, " waits or runs; strata jobs shows those of a branch"));
}

absl::StatusOr<ExitCode> RunCancel(const CancelOptions& options) {
  const std::string what = options.what.value_or(options.branch.branch);
  std::vector<std::string> jobs = {what};
  std::error_code error;
  if (!IsJobId(what) || fs::exists(what, error)) {
    ASSIGN_OR_RETURN(jobs, ActiveJobs(what));
  } else {
    RETURN_IF_ERROR(CheckActive(what));
  }
  if (!jobs.empty()) RETURN_IF_ERROR(CancelJobs(jobs));
  if (options.branch.json) {
    std::printf("%s\n", DumpJson(Json{{"cancelled", jobs}}, 1).c_str());
  } else if (jobs.empty()) {
    std::printf("no job waits or runs\n");
  } else {
    std::printf("cancelled %s\n", absl::StrJoin(jobs, ", ").c_str());
  }
  return ExitCode::kOk;
}

}  // namespace

void AddCancel(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand("cancel", kAbout);
  auto options = std::make_shared<CancelOptions>();
  AddBranchOptions(command, &options->branch);
  command
      ->add_option("BRANCH|JOB", options->what, "A branch, a folder of branches, or a job's number")
      ->type_name("DIR");
  command->callback([=] { *action = [=] { return RunCancel(*options); }; });
}

}  // namespace strata
