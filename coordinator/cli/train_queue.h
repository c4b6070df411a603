// Trains many branches one after the other and sums up what became of each: `strata train` with
// more than one branch. Takes what trains one of them; a branch that fails is told of and the next
// one begins.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/exit_code.h"
#include "common/json.h"
#include "coordinator/run/training.h"

namespace strata {

// What a run's end means for whoever started it: 75 when it was interrupted, 0 when it made a
// version or nothing was pending, else whose fault it was.
ExitCode CodeOf(const TrainResult& result);

// How one branch is trained, and told of.
struct BranchTrainer {
  std::function<absl::StatusOr<TrainResult>(const std::string& folder)> train;
  std::function<void(const TrainResult&)> print;  // when it has ended
  std::function<Json(const TrainResult&)> json;
  std::function<bool()> stopped;  // a stop was asked for: no further branch begins
};

// What became of a branch.
struct BranchTraining {
  std::string folder;
  bool begun = false;
  absl::Status error;  // what kept its run from beginning
  TrainResult result;  // of one that began
  ExitCode code() const;
  std::string did() const;  // "completed", "nothing pending", "failed", "not begun", …
  std::string why() const;  // it failed or ended early; "" when it is well
};

// The folders, each once however it is written, in their order; with `root` those of the branches
// below it. Folders that cannot be looked into are added to *unreadable. NOT_FOUND when there is no
// branch below `root`.
absl::StatusOr<std::vector<std::string>> BranchesToTrain(const std::vector<std::string>& folders,
                                                         const std::string& root,
                                                         std::vector<std::string>* unreadable);

// Trains each; prints a line before and what `trainer` prints after each, unless `quiet`.
std::vector<BranchTraining> TrainEach(const std::vector<std::string>& folders,
                                      const BranchTrainer& trainer, bool quiet);

// 75 when one was interrupted or not begun, else the first failure's, else 0.
ExitCode CodeOf(const std::vector<BranchTraining>& trainings);
void PrintSummary(const std::vector<BranchTraining>& trainings);
Json SummaryJson(const std::vector<BranchTraining>& trainings, const BranchTrainer& trainer);

}  // namespace strata
