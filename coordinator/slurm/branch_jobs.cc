#include "coordinator/slurm/branch_jobs.h"

#include <utility>

#include "common/status_macros.h"

namespace strata {

const JobState* StateOf(const JobStates& states, const JobRecord& record) {
  const auto known = states.known.find(record.job);
  if (known == states.known.end()) return nullptr;
  const std::filesystem::path script = known->second.script;
  const bool another = !script.empty() && script.parent_path() != record.script.parent_path();
  return another ? nullptr : &known->second;
}

absl::StatusOr<BranchJobs> JobsOf(const std::vector<std::filesystem::path>& branches) {
  BranchJobs found;
  std::vector<std::string> ids;
  for (const std::filesystem::path& branch : branches) {
    ASSIGN_OR_RETURN(const std::vector<JobRecord> records, ReadJobRecords(branch));
    for (const JobRecord& record : records) {
      ids.push_back(record.job);
      found.jobs.push_back({.branch = branch, .record = record});
    }
  }
  const absl::StatusOr<JobStates> states = AskJobs(ids);
  if (!states.ok()) {
    found.unasked = std::string(states.status().message());
    return found;
  }
  found.unasked = states->unasked;
  for (BranchJob& job : found.jobs) {
    job.asked = true;
    if (const JobState* state = StateOf(*states, job.record)) job.state = *state;
  }
  return found;
}

}  // namespace strata
