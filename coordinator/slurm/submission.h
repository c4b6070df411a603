// Submits branches to Slurm: decides which share an array, what each waits for, hands the scripts
// to sbatch and records the jobs. Takes branches' folders and what the command line asks for.
//
// Model: branches that ask for the same share one array, a task each; a branch whose earlier job
// still waits or runs gets a job of its own that begins when that has ended, however it ended
// (afterany: what is pending then is trained, and an interrupted run gone on with). Slurm's
// `singleton` goes by the job's name and the user: two users of a branch, or a renamed job, would
// run side by side; and it can't tell the tasks of an array apart.
//
// Nothing is read but branch.yaml: datasets are found, hashed and tokenised in the job. Errors: a
// branch that can't be submitted is in `refused`, and does not keep the others.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/slurm/job_script.h"

namespace strata {

struct SubmitRequest {
  JobResources resources;
  std::vector<std::string> set;        // KEY=VALUE, of `strata train` too
  std::string launcher;                // of `strata train`; "" is the branch's
  std::filesystem::path job_template;  // a file; "" is the branch's
  std::filesystem::path strata;        // the program that the job runs
  bool dry_run = false;                // nothing is written or submitted
};

struct SubmittedJob {
  Job job;
  std::string script = {};
  std::string id = {};                     // "" for a dry run
  std::filesystem::path script_file = {};  // likewise
};

struct RefusedBranch {
  std::filesystem::path branch;
  absl::Status why;
};

struct Submission {
  std::vector<SubmittedJob> jobs;
  std::vector<RefusedBranch> refused;
  std::vector<std::string> warnings;  // sentences: what keeps a job waiting, records not written
};

// `branches` as a user gives them; one that is given twice is submitted once.
Submission Submit(const std::vector<std::filesystem::path>& branches, const SubmitRequest& request);

// The id of a branch's part of a job: its task of an array.
std::string PartOf(const SubmittedJob& job, size_t branch);

}  // namespace strata
