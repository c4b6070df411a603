#include "coordinator/run/estimate.h"

#include <algorithm>
#include <fstream>
#include <vector>

#include "common/json.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

// The steps.jsonl of all runs, the last first: a run's name begins with its time.
std::vector<fs::path> StepFiles(const fs::path& runs) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(runs, error)) {
    const fs::path file = entry.path() / "steps.jsonl";
    if (fs::exists(file, error)) files.push_back(file);
  }
  std::sort(files.rbegin(), files.rend());
  return files;
}

double RateOf(const fs::path& file, const std::string& device) {
  double tokens = 0, seconds = 0;
  std::ifstream steps(file);
  for (std::string line; std::getline(steps, line);) {
    const auto json = ParseJson(line, "steps.jsonl");
    if (!json.ok()) continue;
    const std::string trained_on = JsonString(*json, "device", "step").value_or("");
    if (device != "auto" && trained_on.rfind(device, 0) != 0) continue;
    tokens += JsonNumber(*json, "tokens", "step").value_or(0);
    seconds += JsonNumber(*json, "seconds", "step").value_or(0);
  }
  return seconds > 0 ? tokens / seconds : 0;
}

}  // namespace

double MeasuredTokensPerSecond(const fs::path& runs, const std::string& device) {
  for (const fs::path& file : StepFiles(runs)) {
    if (const double rate = RateOf(file, device); rate > 0) return rate;
  }
  return 0;
}

}  // namespace strata
