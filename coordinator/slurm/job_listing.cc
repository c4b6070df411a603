#include "coordinator/slurm/job_listing.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace strata {
namespace {

constexpr char kDigits[] = "0123456789";

std::vector<std::string> LinesOf(const std::string& output) {
  std::istringstream stream(output);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// The fields of a line, without the spaces that squeue pads them with; none for another kind of
// line. Behind a last mark there is one more, an empty one.
std::vector<std::string> FieldsOf(const std::string& line, size_t count) {
  std::vector<std::string> fields = absl::StrSplit(line, '|');
  for (std::string& field : fields) absl::StripAsciiWhitespace(&field);
  if (fields.size() < count || !IsJobId(fields[0])) return {};
  return fields;
}

// Slurm's words for nothing.
std::string Said(const std::string& field) {
  static const std::set<std::string> nothing = {"None", "N/A", "(null)", "None assigned"};
  return nothing.count(field) != 0 ? "" : field;
}

// What squeue prints is the status as wait(2) gives it: "16640" → "65:0", "9" → "0:9".
std::string ExitCodeOf(const std::string& field) {
  uint32_t status = 0;
  if (!absl::SimpleAtoi(field, &status)) return field;
  return absl::StrCat(status >> 8, ":", status & 0x7f);
}

// A job that has ended well, or was cancelled, keeps what it last waited for.
void DropStaleReason(JobState* job) {
  if (job->state == "COMPLETED" || job->state == "CANCELLED") job->reason.clear();
}

}  // namespace

bool IsJobId(const std::string& text) {
  const size_t mark = text.find('_');
  const std::string array = text.substr(0, mark);
  const std::string task = mark == std::string::npos ? "0" : text.substr(mark + 1);
  return !array.empty() && !task.empty() && array.find_first_not_of(kDigits) == std::string::npos &&
         task.find_first_not_of(kDigits) == std::string::npos;
}

std::string ArrayOf(const std::string& job) { return job.substr(0, job.find('_')); }

std::vector<std::string> SqueueFormat() {
  return {"--noheader", "--array",
          "--Format=JobArrayID:40|,State:30|,Reason:80|,exit_code:20|,TimeUsed:20|,"
          "NodeList:200|,RestartCnt:10|,Command:4096|"};
}

std::map<std::string, JobState> ReadSqueue(const std::string& output) {
  std::map<std::string, JobState> jobs;
  for (const std::string& line : LinesOf(output)) {
    const std::vector<std::string> fields = FieldsOf(line, 9);
    if (fields.empty()) continue;
    JobState job{.state = fields[1],
                 .reason = Said(fields[2]),
                 .elapsed = fields[4],
                 .nodes = Said(fields[5]),
                 .restarts = fields[6],
                 // The last one: a path may have the mark in it.
                 .script = absl::StrJoin(fields.begin() + 7, fields.end() - 1, "|")};
    if (!job.active()) job.exit_code = ExitCodeOf(fields[3]);
    DropStaleReason(&job);
    jobs[fields[0]] = job;
  }
  return jobs;
}

std::vector<std::string> SacctFormat() {
  return {"--noheader", "--parsable2", "--allocations",
          "--format=JobID,State,Reason,ExitCode,Elapsed,NodeList"};
}

std::map<std::string, JobState> ReadSacct(const std::string& output) {
  std::map<std::string, JobState> jobs;
  for (const std::string& line : LinesOf(output)) {
    const std::vector<std::string> fields = FieldsOf(line, 6);
    if (fields.empty()) continue;
    // "CANCELLED by 1000"
    jobs[fields[0]] = {.state = fields[1].substr(0, fields[1].find(' ')),
                       .reason = Said(fields[2]),
                       .exit_code = fields[3],
                       .elapsed = fields[4],
                       .nodes = Said(fields[5])};
    DropStaleReason(&jobs[fields[0]]);
  }
  return jobs;
}

std::string ReadJobId(const std::string& output) {
  std::string id;
  for (const std::string& line : LinesOf(output)) {
    // "12;cluster" where there are several clusters.
    const std::string word = line.substr(0, line.find(';'));
    if (IsJobId(word)) id = word;
  }
  return id;
}

std::string SbatchRefusal(const std::string& output) {
  std::vector<std::string> reasons;
  for (const std::string& line : LinesOf(output)) {
    for (const char* unasked :
         {"Unable to contact", "timed out", "Zero Bytes", "Unexpected msg",
          "Protocol authentication", "munge", "fetch config", "slurm.conf", "resolve_ctls"}) {
      if (absl::StrContains(line, unasked)) return "";
    }
    const std::string_view kBegin = "sbatch: error: ";
    if (line.rfind(kBegin, 0) == 0) reasons.push_back(line.substr(kBegin.size()));
  }
  if (reasons.empty()) return "";
  return absl::StrCat("sbatch refuses the job: ", absl::StrJoin(reasons, "; "),
                      "; change the options of strata submit, or sbatch_args in branch.yaml "
                      "(sinfo shows the partitions)");
}

}  // namespace strata
