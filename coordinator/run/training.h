// Runs `strata train` from lock to report: plan, launch, commit, rotate, report.
// Takes a Config and what the command line asks for; leaves one version more, or everything as it
// was. A rebuild that lacks a dataset in error fails: what serves stays.
//
// An interrupted run is gone on with from its last checkpoint: its stored plan wins.
//
// Errors: a Status is what kept the run from beginning (another run, bad config, no mpirun); once
// it has begun, its end is a TrainResult with a verdict and a reason, and a report on disk.
// Durability: `current` is the old one or the new one, whole, at every instant.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/config/config.h"
#include "coordinator/plan/plan.h"
#include "coordinator/run/run_driver.h"
#include "coordinator/run/run_news.h"
#include "coordinator/store/candidate.h"
#include "coordinator/tokens/token_store.h"

namespace strata {

// What is known of a run before its workers are launched.
struct RunStart {
  const Plan& plan;
  int64_t trainable = 0;  // parameters
  // branch.yaml's keys with the values in force.
  const std::vector<std::pair<std::string, std::string>>& settings;
  RunId run;
  std::optional<Position> resumed = {};  // it goes on from here; nullopt = it begins
  std::filesystem::path folder = {};     // of the run
};

struct TrainRequest {
  PlanRequest plan;
  bool restart = false;                           // an interrupted run is dropped, not gone on with
  const std::atomic<int>* stops = nullptr;        // how often the user has asked to stop
  std::function<void(const RunStart&)> on_start;  // before the launch
  // Where the user starts the workers: how, in lines of text.
  std::function<void(const std::string&)> on_invitation;
  std::function<void(const std::vector<RankSeat>& by_rank)> on_joined;  // of each attempt
  std::function<void(const StepSeen&)> on_step;
  std::function<void(const EvaluationSeen&)> on_evaluation;
  RunObserver* observer = nullptr;  // is told everything; outlives the call
  TokenizeProgress on_tokenize;
  // What was mended or went wrong beside the run, a sentence each.
  std::function<void(const std::string&)> on_warning;
};

struct TrainResult {
  bool nothing_pending = false;
  std::string status;  // "completed", "partial", "failed", "interrupted"
  std::string reason;
  RunId run;
  Version version;  // 0 unless one was committed
  bool parked = false;
  std::vector<StageResult> stages;
  std::vector<SkippedDataset> skipped;
  std::vector<std::string> backups;
  std::vector<RankSeat> ranks;  // of the last attempt whose ranks all joined
  double seconds = 0;
  bool data_at_fault =
      false;  // no dataset could be trained, or one of them stopped the run or a rebuild's commit
};

absl::StatusOr<TrainResult> Train(const Config& config, const TrainRequest& request);

}  // namespace strata
