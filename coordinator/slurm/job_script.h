// Writes the script of a Slurm job that trains one branch, or of an array that trains several.
// Takes what was asked for and a template, gives the text that sbatch is handed and people read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/slurm/job_template.h"

namespace strata {

// What is asked of Slurm for each branch; what is unset is left to the cluster's defaults.
struct JobResources {
  std::optional<uint32_t> nodes = {}, gpus_per_node = {}, ntasks_per_node = {}, cpus_per_task = {};
  std::string time = {}, mem = {}, partition = {}, account = {}, qos = {};
  std::vector<std::string> sbatch_args = {};  // "--exclusive"
};

// The options of sbatch, of which a later one wins: those of branch.yaml (`shared`), the resources,
// their sbatch_args. There are as many ranks as Slurm's tasks: one for each GPU where GPUs are
// asked for and tasks are not, `workers` where nothing says how many.
std::vector<std::string> SbatchOptions(const JobResources& resources,
                                       const std::vector<std::string>& shared, uint32_t workers);

struct Job {
  std::string name;
  std::vector<std::string> options;          // of sbatch
  std::vector<std::string> train_arguments;  // of strata train, beside the branch and workers
  std::filesystem::path strata;              // the program
  JobTemplate job_template;
  std::vector<std::filesystem::path> branches;  // absolute; more than one is an array
  std::vector<std::string> after;               // jobs whose end it waits for
};

// FAILED_PRECONDITION when the template can't be filled in, or has no branches; INVALID_ARGUMENT
// for an option or a folder with a line break, an array of the user's own, a --time that is none,
// what makes no job of it (--wait, --test-only, --wrap).
absl::StatusOr<std::string> JobScript(const Job& job);

// INVALID_ARGUMENT for a line break, as what Slurm and cron read ends with its line, and for what
// is no UTF-8.
absl::Status CheckFolderName(const std::filesystem::path& folder);

// The folder of a branch in which its jobs' scripts, output and record are kept.
std::filesystem::path JobsDir(const std::filesystem::path& branch);

}  // namespace strata
