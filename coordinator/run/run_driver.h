// Carries one run through the world: hosts its service, launches its workers attempt after attempt,
// feeds events to the core and carries the core's effects out. The only loop of the coordinator.
//
// Lifecycle: Open, then Drive, once. A run whose journal has lines already is gone on with from its
// last checkpoint that is whole. Durability: journal lines are on disk before the call that made
// them is answered, and the steps before a checkpoint before its line. Threads: Drive runs on the
// caller's; the RunHost's functions on the server's; the step log has its own. One mutex orders all
// events; it is not held while the journal is written, when heartbeats and steps are still taken.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/launch/launcher.h"
#include "coordinator/run/checkpoint_folder.h"
#include "coordinator/run/generated_tokens.h"
#include "coordinator/run/run_journal.h"
#include "coordinator/run/run_news.h"
#include "coordinator/run/run_record.h"
#include "coordinator/run/shard_source.h"
#include "coordinator/run/step_log.h"
#include "coordinator/service/access.h"
#include "coordinator/service/run_host.h"

namespace strata {

// What a worker joins by.
struct JoinAddress {
  std::string address;      // HOST:PORT
  std::string token;        // secret
  std::string certificate;  // PEM; "" without TLS
  int ranks = 1;
};

struct CommitAnswer {
  absl::StatusOr<std::string> committed;  // what is current then, in words, or why nothing is new
  bool refused = false;  // the adapter itself is: to train it again from the checkpoint is in vain
};

struct DriveInput {
  RunSpec spec;
  v1::JoinReply task;
  std::vector<float> adapter;
  ShardSource* shards = nullptr;  // none for a generation
  Access access;                  // of the workers to the service; its ranks are the spec's
  std::unique_ptr<Launcher> launcher;
  Launch launch;  // its ranks, arguments and environment are completed by the driver
  // Of the run: journal.jsonl, steps.jsonl and checkpoints/; empty for what changes nothing.
  std::filesystem::path folder;
  std::vector<std::string> stage_names;                      // datasets, for steps.jsonl
  std::function<void(const StepSeen&)> on_step;              // from the step log's thread
  std::function<void(const EvaluationSeen&)> on_evaluation;  // likewise
  std::function<void(const std::string&)> on_warning;        // from the thread that called Drive
  // Likewise: once there is a service for workers to join, and when all of an attempt's have.
  std::function<absl::Status(const JoinAddress&)> on_listening;
  std::function<void(const std::vector<RankSeat>& by_rank)> on_joined;
  std::function<void(const TokenPiece&)> on_tokens;  // likewise
  RunObserver* observer = nullptr;  // of steps, journal and checkpoints; none where it is null
  // Checks and commits the candidate.
  std::function<CommitAnswer(const std::vector<float>& adapter, const RunState& state)> commit;
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
  // Takes up what the run's folder holds of its life so far; a checkpoint that is damaged is set
  // aside, and an older one counts again. Called once, before Drive. DATA_LOSS when the journal, or
  // the record of the steps before the checkpoint, is not whole; UNAVAILABLE when the checkpoint
  // can't be read, with which nothing is done then.
  absl::Status Open();
  // Where the first attempt begins; nullopt = at the beginning. REQUIRES: Open was OK.
  std::optional<Position> begins_at() const;
  // From the first launch to the verdict; when it returns, no worker that could be reached lives.
  absl::StatusOr<DriveOutcome> Drive();
  // REQUIRES: Drive has ended, or it has called `commit`.
  const RunRecord& record() const { return record_; }
  // Of the steps that the run had before this process went on with it.
  double seconds_before() const { return seconds_before_; }

  const RunId& Run() const override { return input_.spec.run; }
  Effects Submit(const Event& event) override;
  v1::JoinReply Task() const override;
  const std::vector<float>& Adapter() const override { return input_.adapter; }
  absl::StatusOr<std::vector<v1::StepShard>> Shard(const ShardWindow& window) override;
  Effects SubmitStep(const StepDone& done, const v1::StepRecord& step) override;
  Effects SubmitEvaluation(const EvaluationDone& done,
                           const v1::EvaluationRecord& evaluation) override;
  absl::Status KeepCheckpoint(const Checkpoint& checkpoint, uint64_t bytes,
                              const NextPiece& next) override;
  absl::StatusOr<std::filesystem::path> CheckpointToFetch() const override;
  void TakeCandidate(std::vector<float> adapter) override;
  void TakeEvaluation(double loss_sum, uint64_t tokens) override;
  absl::StatusOr<bool> TakeGeneration(const v1::ReportGenerationRequest& report) override;

 private:
  // The steps that steps.jsonl has of the places before the last checkpoint. DATA_LOSS when it
  // lacks some.
  absl::Status Remember();
  // Between two attempts: makes sure that the checkpoint to go on from is whole. UNAVAILABLE, and
  // nothing is set aside, when it can't be read.
  absl::Status CheckCheckpoint();
  static bool IsReport(const Event& event);
  // Moves the core, makes the event's journal lines durable, and all before them, and then notes
  // what is to be carried out. `lock` is of mutex_; it is let go while lines are written.
  Effects Take(const Event& event, std::unique_lock<std::mutex>& lock);
  // Makes the journal's lines durable in their order, up to this one, counted from 1. Without
  // mutex_. Once a line could not be written, none is any more.
  absl::Status KeepUntil(uint64_t line);
  // A checkpoint counts: those that nobody can need any more go.
  void Count(const Checkpoint& checkpoint);
  void Tell(RunNews news);
  absl::Status LaunchDue();
  void Watch();
  // After a stop was asked for: no rank is heard of any more.
  bool HaveLeft();
  // Ends a group whose attempt is lost.
  void EndLost();
  void CarryOut();
  // Tells of an attempt's ranks once all have joined.
  void ShowJoined();
  // Gives the tokens and warnings that have come since the last call to whoever asked for them.
  void HandOver();
  // Ends the group as the verdict asks.
  DriveOutcome Concluded();

  DriveInput input_;
  std::string address_, certificate_;   // of the service
  std::unique_ptr<WorkerGroup> group_;  // of the live attempt
  bool launched_once_ = false;
  AttemptId shown_;  // whose ranks on_joined was told of
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  RunState state_;                           // guarded by mutex_
  Effects due_;                              // what Drive has yet to carry out; guarded by mutex_
  GeneratedTokens generated_;                // guarded by mutex_
  std::vector<float> candidate_;             // guarded by mutex_
  RunRecord record_;                         // guarded by mutex_
  std::deque<JournalLine> unkept_;           // still to be written; guarded by mutex_
  uint64_t lines_queued_ = 0;                // guarded by mutex_
  std::optional<Checkpoint> launched_from_;  // of the live attempt; guarded by mutex_
  std::vector<Checkpoint> counted_;          // the last that count; guarded by mutex_
  DriveOutcome outcome_;                     // guarded by mutex_
  std::mutex journal_mutex_;                 // taken before mutex_
  RunJournal journal_;                       // guarded by journal_mutex_
  uint64_t lines_kept_ = 0;                  // guarded by journal_mutex_
  absl::Status kept_;                        // guarded by journal_mutex_
  CheckpointFolder checkpoints_;
  int stops_seen_ = 0;
  double seconds_before_ = 0;
  std::unique_ptr<StepLog> steps_;  // from Drive on
};

}  // namespace strata
