// Follows a run by its folder alone: plan.json, journal.jsonl and steps.jsonl. Gives the news of
// the run as the run itself would tell it; `strata watch` shows it.
//
// Model: no lock, no port, nothing written; a run on another machine looks the same over a shared
// file system. A last line that is torn is waited for.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/observe/whole_lines.h"
#include "coordinator/plan/plan.h"
#include "coordinator/run/run_news.h"

namespace strata {

// The folder in `runs` of the run that was written to last, or of `run` where it is not "".
// NOT_FOUND while there is none that has begun.
absl::StatusOr<std::filesystem::path> FolderToWatch(const std::filesystem::path& runs,
                                                    const std::string& run);

class WatchedRun {
 public:
  // Reads the plan. DATA_LOSS when it is damaged, FAILED_PRECONDITION when another strata wrote it.
  static absl::StatusOr<WatchedRun> Open(const std::filesystem::path& folder);

  const Plan& plan() const { return plan_; }
  const std::filesystem::path& folder() const { return folder_; }
  // What was written since the last call, by its time; the end of the run stands behind its steps.
  // Lines that say nothing to this strata are passed over.
  std::vector<TimedNews> Next();
  // NOT_FOUND when the folder is not there, or its journal, which alone tells the run's end.
  absl::Status StillTold() const;
  // When one of the files changed last, by the file system's clock; nullopt when there is none.
  std::optional<std::chrono::system_clock::time_point> changed() const;

 private:
  WatchedRun(std::filesystem::path folder, Plan plan);
  std::vector<TimedNews> NextSteps();
  std::vector<TimedNews> NextLines();

  std::filesystem::path folder_;
  Plan plan_;
  WholeLines journal_, steps_;
  std::chrono::system_clock::time_point step_time_{};  // of the last step
};

}  // namespace strata
