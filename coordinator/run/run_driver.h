// Carries one run through the world: hosts its service, launches its workers, feeds events to the
// core and carries the core's effects out. The only loop of the coordinator.
//
// Durability: journal lines are on disk before the call that made them is answered.
// Threads: Drive runs on the caller's; the RunHost's functions on the server's; the step log has
// its own. One mutex orders all events.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/launch/mpi_launcher.h"
#include "coordinator/run/generated_tokens.h"
#include "coordinator/run/shard_source.h"
#include "coordinator/run/step_log.h"
#include "coordinator/service/run_host.h"
#include "coordinator/store/ledger.h"

namespace strata {

struct DriveInput {
  RunSpec spec;
  v1::JoinReply task;
  std::vector<float> adapter;
  ShardSource* shards = nullptr;  // none for a generation
  Launch launch;                  // its arguments and environment are completed by the driver
  std::filesystem::path journal, steps;          // files; empty for what changes nothing
  std::vector<std::string> stage_names;          // datasets, for steps.jsonl
  std::function<void(const StepSeen&)> on_step;  // from the step log's thread
  std::function<void(const EvaluationSeen&)> on_evaluation;  // likewise
  std::function<void(const TokenPiece&)> on_tokens;          // from the thread that called Drive
  // Checks and commits the candidate; its message is shown.
  std::function<absl::Status(const std::vector<float>& adapter, const RunState& state)> commit;
  const std::atomic<int>* stops = nullptr;  // how often a stop was asked for
};

struct DriveOutcome {
  Verdict verdict = Verdict::kFailed;
  std::string reason;
  RunState state;       // at the end
  double loss_sum = 0;  // of an evaluation
  uint64_t loss_tokens = 0;
};

class RunDriver final : public RunHost {
 public:
  explicit RunDriver(DriveInput input);
  // From launch to verdict; when it returns, no worker that could be reached lives.
  absl::StatusOr<DriveOutcome> Drive();
  // The steps of a stage that no rank applied.
  std::set<StepOfStage> SkippedSteps(uint32_t stage) const;
  // Token mean of the NLL over a stage's applied steps in the last epoch that has one of those up
  // to `last`; NaN when there is none.
  double StageLoss(uint32_t stage, const StepOfStage& last) const;
  // The evaluations of a stage's held-out rows, in order.
  std::vector<EvaluationSeen> Evaluations(uint32_t stage) const;

  Effects Submit(const Event& event) override;
  const v1::JoinReply& Task() const override { return input_.task; }
  const std::vector<float>& Adapter() const override { return input_.adapter; }
  absl::StatusOr<std::vector<v1::StepShard>> Shard(const ShardWindow& window) override;
  void RecordStep(const v1::StepRecord& step) override;
  void RecordEvaluation(const v1::EvaluationRecord& evaluation) override;
  void TakeCandidate(std::vector<float> adapter) override;
  void TakeEvaluation(double loss_sum, uint64_t tokens) override;
  absl::StatusOr<bool> TakeGeneration(const v1::ReportGenerationRequest& report) override;

 private:
  struct StepLoss {
    StepOfStage at;
    double loss = 0;  // Σ token NLL
    uint64_t supervised = 0;
  };
  Effects SubmitLocked(const Event& event);
  // Makes journal lines durable.
  absl::Status Keep(const std::vector<JournalLine>& lines);
  void Watch(WorkerGroup& group);
  void CarryOut();
  // Gives the tokens that have come since the last call to whoever asked for them.
  void HandOverTokens();
  // Ends the group as the verdict asks.
  DriveOutcome Concluded(WorkerGroup& group);

  DriveInput input_;
  std::string token_;
  AttemptId attempt_;  // that was launched
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  RunState state_;             // guarded by mutex_
  Effects due_;                // what Drive has yet to carry out; guarded by mutex_
  GeneratedTokens generated_;  // guarded by mutex_
  std::vector<float> candidate_;
  std::map<uint32_t, std::vector<StepLoss>>
      losses_;  // by stage, of applied steps; guarded by mutex_
  std::map<uint32_t, std::vector<EvaluationSeen>> evaluations_;  // by stage; guarded by mutex_
  std::map<uint32_t, std::set<StepOfStage>> skipped_;            // by stage; guarded by mutex_
  Ledger journal_;                                               // guarded by mutex_
  DriveOutcome outcome_;                                         // guarded by mutex_
  int stops_seen_ = 0;
  std::unique_ptr<StepLog> steps_;  // lives while Drive runs
};

}  // namespace strata
