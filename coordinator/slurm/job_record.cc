#include "coordinator/slurm/job_record.h"

#include <chrono>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/slurm/job_listing.h"
#include "coordinator/slurm/job_script.h"

namespace strata {
namespace {

constexpr uint64_t kBytesMax = 64 << 20;
constexpr char kWhat[] = "a line of jobs.jsonl";

std::filesystem::path RecordOf(const std::filesystem::path& branch) {
  return JobsDir(branch) / "jobs.jsonl";
}

absl::StatusOr<JobRecord> ReadRecord(const std::string& line) {
  JobRecord record;
  ASSIGN_OR_RETURN(const Json json, ParseJson(line, kWhat));
  ASSIGN_OR_RETURN(record.job, JsonString(json, "job", kWhat));
  ASSIGN_OR_RETURN(record.name, JsonString(json, "name", kWhat));
  ASSIGN_OR_RETURN(record.submitted, JsonString(json, "submitted", kWhat));
  ASSIGN_OR_RETURN(record.script, JsonString(json, "script", kWhat));
  if (json.contains("branch")) {
    ASSIGN_OR_RETURN(record.branch, JsonString(json, "branch", kWhat));
  }
  // Ids go into command lines.
  if (!IsJobId(record.job)) return absl::DataLossError(absl::StrCat(kWhat, " has no job's id"));
  return record;
}

}  // namespace

absl::StatusOr<std::vector<JobRecord>> ReadJobRecords(const std::filesystem::path& branch) {
  std::vector<JobRecord> records;
  const absl::StatusOr<std::string> text = ReadFile(RecordOf(branch), kBytesMax);
  if (absl::IsNotFound(text.status())) return records;
  RETURN_IF_ERROR(text.status());
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::weakly_canonical(branch, error);
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    absl::StatusOr<JobRecord> record = ReadRecord(line);
    if (!record.ok()) continue;
    if (record->branch.empty() || record->branch == whole) records.push_back(*std::move(record));
  }
  return records;
}

absl::Status RecordJob(const std::filesystem::path& branch, const JobRecord& record,
                       FileSystem* files) {
  const Json json = {{"job", record.job},
                     {"name", record.name},
                     {"submitted", record.submitted},
                     {"script", record.script.string()},
                     {"branch", record.branch.string()}};
  // A line that was torn before must not take this one with it.
  const absl::StatusOr<std::string> text = ReadFile(RecordOf(branch), kBytesMax);
  const bool torn = text.ok() && !text->empty() && text->back() != '\n';
  return files->AppendDurably(RecordOf(branch),
                              absl::StrCat(torn ? "\n" : "", DumpJson(json), "\n"));
}

absl::StatusOr<FileLock> HoldSubmissions(const std::filesystem::path& branch, FileSystem* files) {
  RETURN_IF_ERROR(files->CreateDirectories(JobsDir(branch)));
  return FileLock::Acquire(JobsDir(branch) / "submit.lock", std::chrono::seconds(10));
}

}  // namespace strata
