// Writes runs/<run>/run.log: what a run decided and what befell it, a line each, for people and for
// who collects logs. Takes the run's news; the steps themselves are in steps.jsonl.
//
// Durability: none; the journal is what a run is gone on with from.
#pragma once

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/log_line.h"
#include "coordinator/plan/plan.h"
#include "coordinator/run/run_news.h"

namespace strata {

// How a piece of news stands in the log, without run, attempt and rank; nullopt for steps and for
// what another piece tells. `stage_names`: the datasets.
std::optional<LogLine> LogLineOf(const TimedNews& news,
                                 const std::vector<std::string>& stage_names);

class RunLog {
 public:
  // Appends to `file`.
  RunLog(const std::filesystem::path& file, std::string run, LogFormat format, const Plan& plan);
  void Say(std::chrono::system_clock::time_point time, const std::string& event,
           const std::string& words);
  void Take(const TimedNews& news);
  // UNAVAILABLE with the path when the disk refuses what was said.
  absl::Status Flush();

 private:
  void Write(LogLine line);

  const std::filesystem::path file_;
  const std::string run_;
  const LogFormat format_;
  std::vector<std::string> stage_names_;
  uint32_t attempt_ = 0;
  std::ofstream out_;
};

}  // namespace strata
