// Remembers which Slurm jobs a branch was submitted in: BRANCH/jobs/jobs.jsonl, a line each.
// Written by submission.h when sbatch has taken a job; `strata jobs` and `strata cancel` read it.
//
// Durability: a line is on disk before its job is told to the user. A line that is no record (torn
// by a full disk) is passed over: the record says which jobs to ask Slurm for, no more.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/posix_file.h"

namespace strata {

struct JobRecord {
  std::string job;        // "12"; "12_3" for a task of an array
  std::string name;       // as squeue shows it
  std::string submitted;  // ISO 8601, UTC
  std::filesystem::path script;
  std::filesystem::path branch = {};  // absolute; "" where an older strata did not say
  bool operator==(const JobRecord&) const = default;
};

// The oldest first; none where there is no file. Those that a branch has of another, of which it is
// a copy, are that one's and left out. UNAVAILABLE or PERMISSION_DENIED when it can't be
// read.
absl::StatusOr<std::vector<JobRecord>> ReadJobRecords(const std::filesystem::path& branch);

// REQUIRES: JobsDir(branch) exists, and the caller holds the branch's submissions.
absl::Status RecordJob(const std::filesystem::path& branch, const JobRecord& record,
                       FileSystem* files);

// One submission of a branch at a time, so that of two the later waits for the earlier's job; makes
// JobsDir(branch). Held for the moment of the submission, never by a job. ABORTED after ten
// seconds.
absl::StatusOr<FileLock> HoldSubmissions(const std::filesystem::path& branch, FileSystem* files);

}  // namespace strata
