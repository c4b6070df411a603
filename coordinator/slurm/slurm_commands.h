// Submits, asks for and cancels jobs by Slurm's own programs, found on PATH.
// Takes a job script, or the ids of jobs; knows nothing of branches. The door to sbatch, squeue,
// sacct and scancel.
//
// Errors: NOT_FOUND when a program is missing; UNAVAILABLE with what it said when it fails or does
// not answer within a minute.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace strata {

// What Slurm says of a job; a task of an array is a job of its own, "12_3".
struct JobState {
  std::string state = {};      // "PENDING", "RUNNING", "COMPLETED", …
  std::string reason = {};     // why it waits or ended so; "" for none
  std::string exit_code = {};  // "75:0": status and signal; "" while it has none
  std::string elapsed = {};    // "1-02:03:04"
  std::string nodes = {};      // "n[1-2]"
  std::string restarts = {};   // how often it was requeued; "" where it is not told
  std::string script = {};     // as sbatch was given it, "(null)" for none; "" where it is not told

  // It waits, runs or is being ended: Slurm has not let go of it yet.
  bool active() const;
  // It waits for what does not come by itself: the job must be changed, released or cancelled.
  bool cannot_start() const;
};

struct JobStates {
  std::map<std::string, JobState> known;
  // Why some may be missing though they are not forgotten, a sentence; "" when all could be asked.
  std::string unasked;
};

// Hands the script to sbatch; the job's id. What sbatch says of a script that it refuses is in the
// error (INVALID_ARGUMENT).
absl::StatusOr<std::string> SubmitScript(const std::filesystem::path& script);

// The state of each job that squeue, and for those it has forgotten sacct, knows. Only squeue's
// failing is an error: sacct needs a database, which not every cluster has.
absl::StatusOr<JobStates> AskJobs(const std::vector<std::string>& jobs);

// OK also for a job that has ended.
absl::Status CancelJobs(const std::vector<std::string>& jobs);

// "sbatch: no program on PATH …": what to do where a program of Slurm is missing.
absl::Status NoSlurmProgram(const std::string& program);

// Runs a program of Slurm's; its output when it ends well. Variables of a Slurm job that this
// process runs in are kept from it, so that a job submits another as a login node does.
absl::StatusOr<std::string> RunSlurm(std::vector<std::string> command);

}  // namespace strata
