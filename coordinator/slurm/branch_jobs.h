// Tells the Slurm jobs of a branch: what is recorded, with what Slurm says of each now.
// Taken by `strata jobs` and `strata cancel`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/slurm/job_record.h"
#include "coordinator/slurm/slurm_commands.h"

namespace strata {

struct BranchJob {
  std::filesystem::path branch;
  JobRecord record;
  JobState state = {};  // its state is "" when Slurm says nothing of the job
  bool asked = false;   // Slurm answered
};

struct BranchJobs {
  std::vector<BranchJob> jobs;  // of each branch in turn, the oldest first
  std::string unasked;          // why Slurm, or its database, could not be asked; "" if it could
};

// What Slurm says of the job of a record; null when it says nothing. A Slurm that was set up anew
// numbers its jobs from 1 again: a job of another folder's script is not the one that is recorded.
const JobState* StateOf(const JobStates& states, const JobRecord& record);

// Errors only of the records: where Slurm can't be asked, what is recorded is all there is.
absl::StatusOr<BranchJobs> JobsOf(const std::vector<std::filesystem::path>& branches);

}  // namespace strata
