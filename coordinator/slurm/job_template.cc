#include "coordinator/slurm/job_template.h"

#include <set>
#include <sstream>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "coordinator/config/field_keys.h"

namespace strata {
namespace {

using Values = std::map<std::string, std::string>;

std::string Trimmed(const std::string& text) {
  return std::string(absl::StripAsciiWhitespace(text));
}

// The value of what stands between the braces.
absl::StatusOr<std::string> ValueOf(const std::string& name, const Values& values,
                                    const std::string& place) {
  const auto found = values.find(name);
  if (found != values.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [key, value] : values) known.push_back(key);
  const std::string meant = MeantKey(name, known);
  return absl::FailedPreconditionError(
      absl::StrCat(place, ": {{", name, "}} stands for nothing",
                   meant.empty() ? "" : absl::StrCat(", the nearest is {{", meant, "}}"),
                   "; a job script's template may have: ", absl::StrJoin(known, ", ")));
}

absl::StatusOr<std::string> FillLine(const std::string& line, const Values& values,
                                     const std::string& place, std::set<std::string>* used) {
  std::string filled;
  size_t at = 0;
  while (true) {
    const size_t begin = line.find("{{", at);
    const size_t end = begin == std::string::npos ? begin : line.find("}}", begin);
    if (end == std::string::npos) return filled + line.substr(at);
    const std::string name = Trimmed(line.substr(begin + 2, end - begin - 2));
    ASSIGN_OR_RETURN(const std::string value, ValueOf(name, values, place));
    used->insert(name);
    absl::StrAppend(&filled, line.substr(at, begin - at), value);
    at = end + 2;
  }
}

}  // namespace

absl::StatusOr<std::string> FillTemplate(const JobTemplate& job_template, const Values& values,
                                         const std::string& required) {
  std::istringstream lines(job_template.text);
  std::string script;
  std::set<std::string> used;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.rfind("##", 0) == 0) continue;
    ASSIGN_OR_RETURN(const std::string filled,
                     FillLine(line, values, absl::StrCat(job_template.name, ":", number), &used));
    if (Trimmed(filled).empty() && !Trimmed(line).empty()) continue;
    absl::StrAppend(&script, filled, "\n");
  }
  if (required.empty() || used.contains(required)) return script;
  return absl::FailedPreconditionError(
      absl::StrCat(job_template.name, ": has no {{", required,
                   "}}, so it can train none; begin from a copy of deploy/slurm/job.sh"));
}

}  // namespace strata
