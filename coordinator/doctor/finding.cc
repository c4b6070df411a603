#include "coordinator/doctor/finding.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace strata {

Finding Fine(std::string check, std::string found) {
  return {std::move(check), Health::kOk, std::move(found), ""};
}

Finding Warning(std::string check, std::string found, std::string remedy) {
  return {std::move(check), Health::kWarning, std::move(found), std::move(remedy)};
}

Finding Problem(std::string check, std::string found, std::string remedy) {
  return {std::move(check), Health::kProblem, std::move(found), std::move(remedy)};
}

Finding NotTried(std::string check, std::string why) {
  return {std::move(check), Health::kNotTried, std::move(why), ""};
}

const char* NameOf(Health state) {
  switch (state) {
    case Health::kOk:
      return "ok";
    case Health::kWarning:
      return "warning";
    case Health::kProblem:
      return "problem";
    case Health::kNotTried:
      return "not tried";
  }
  return "?";
}

void Findings::Add(Finding finding) {
  tell_(finding);
  all_.push_back(std::move(finding));
}

bool Findings::IsProblem(const std::string& check) const {
  return std::any_of(all_.begin(), all_.end(), [&](const Finding& finding) {
    return finding.check == check && finding.state == Health::kProblem;
  });
}

std::string Findings::Obstacle(const std::vector<std::string>& checks) const {
  for (const Finding& finding : all_) {
    if (finding.state != Health::kProblem && finding.state != Health::kNotTried) continue;
    if (std::find(checks.begin(), checks.end(), finding.check) != checks.end())
      return absl::StrCat("see ", finding.check);
  }
  return "";
}

std::string Bytes(double bytes) {
  const char* unit = "B";
  for (const char* larger : {"kB", "MB", "GB", "TB"}) {
    if (bytes < 1000) break;
    bytes /= 1000;
    unit = larger;
  }
  return absl::StrFormat(bytes < 10 && *unit != 'B' ? "%.1f %s" : "%.0f %s", bytes, unit);
}

}  // namespace strata
