// Gives the service's tests a run behind the service: the real core in memory, and a record of what
// it was given.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/status_macros.h"
#include "coordinator/service/run_host.h"

namespace strata {

inline constexpr char kRun[] = "20260101-000000-aaaa";
inline constexpr size_t kElements = 1'300'001;  // 5.2 MB: more than gRPC's default message

// Two ranks, two stages: the real core in memory, and a record of what the service handed over.
class HeldRun final : public RunHost {
 public:
  // What a call may change.
  struct Seen {
    Phase phase = Phase::kIdle;
    std::vector<std::string> incarnations;
    std::vector<Position> positions;
    std::vector<size_t> stages_finished;
    std::vector<Position> steps, held_out;  // recorded
    std::vector<std::vector<float>> candidates;
    std::vector<std::string> checkpoints;
    std::vector<std::pair<double, uint64_t>> evaluations;
    std::vector<uint32_t> generated;  // ids, in order of arrival
    std::string verdict;
    std::vector<std::string> journal;  // the lines' words
    bool operator==(const Seen&) const = default;
  };

  explicit HeldRun(Purpose purpose = Purpose::kTrain)
      : state_(NewRun(Spec(purpose))), adapter_(kElements) {
    for (size_t i = 0; i < kElements; ++i) adapter_[i] = static_cast<float>(i) * 0.5f;
    task_.set_lease_ms(20'000);
    task_.mutable_train()->add_stages()->set_dataset("train.jsonl");
    Submit(Started{});
  }

  const RunId& Run() const override { return run_; }
  Effects Submit(const Event& event) override {
    const std::lock_guard lock(mutex_);
    return SubmitLocked(event);
  }
  v1::JoinReply Task() const override {
    const std::lock_guard lock(mutex_);
    v1::JoinReply task = task_;
    task.set_run_id(kRun);
    task.set_attempt(state_.attempt.value());
    return task;
  }
  const std::vector<float>& Adapter() const override { return adapter_; }
  absl::StatusOr<std::vector<v1::StepShard>> Shard(const ShardWindow& window) override {
    if (window.stage > 1 || window.epoch > 0 || window.first_step + window.step_count > 4)
      return absl::InvalidArgumentError("no such window");
    std::vector<v1::StepShard> steps(window.step_count);
    for (uint32_t i = 0; i < window.step_count; ++i) {
      steps[i].set_step(window.first_step + i);
      steps[i].add_rows()->set_index(static_cast<uint32_t>(window.rank.value()));
    }
    return steps;
  }
  Effects SubmitStep(const StepDone& done, const v1::StepRecord& step) override {
    const std::lock_guard lock(mutex_);
    Effects effects = SubmitLocked(done);
    if (effects.record_step) seen_.steps.push_back({step.stage(), step.epoch(), step.step()});
    return effects;
  }
  Effects SubmitEvaluation(const EvaluationDone& done,
                           const v1::EvaluationRecord& evaluation) override {
    const std::lock_guard lock(mutex_);
    Effects effects = SubmitLocked(done);
    if (effects.record_evaluation)
      seen_.held_out.push_back({evaluation.stage(), evaluation.epoch(), evaluation.step()});
    return effects;
  }
  absl::Status KeepCheckpoint(const Checkpoint& checkpoint, uint64_t bytes,
                              const NextPiece& next) override {
    std::string all;
    for (;;) {
      ASSIGN_OR_RETURN(const std::string_view piece, next());
      if (piece.empty()) break;
      all += piece;
    }
    if (all.size() != bytes || Sha256Of(all) != checkpoint.state)
      return absl::DataLossError("not what was announced");
    const std::lock_guard lock(mutex_);
    seen_.checkpoints.push_back(std::move(all));
    return absl::OkStatus();
  }
  absl::StatusOr<std::filesystem::path> CheckpointToFetch() const override {
    if (to_fetch.empty()) return absl::FailedPreconditionError("this attempt begins without one");
    return to_fetch;
  }
  void TakeCandidate(std::vector<float> adapter) override {
    const std::lock_guard lock(mutex_);
    seen_.candidates.push_back(std::move(adapter));
  }
  void TakeEvaluation(double loss_sum, uint64_t tokens) override {
    const std::lock_guard lock(mutex_);
    seen_.evaluations.emplace_back(loss_sum, tokens);
  }
  absl::StatusOr<bool> TakeGeneration(const v1::ReportGenerationRequest& report) override {
    const std::lock_guard lock(mutex_);
    for (const v1::GeneratedTokens& tokens : report.tokens()) {
      if (state_.spec.purpose != Purpose::kGenerate || tokens.prompt() > 0)
        return absl::InvalidArgumentError("no such prompt");
      seen_.generated.insert(seen_.generated.end(), tokens.ids().begin(), tokens.ids().end());
      ended_ |= tokens.end() != v1::GENERATION_END_UNSPECIFIED;
    }
    return ended_;
  }

  std::filesystem::path to_fetch;  // the checkpoint that the attempt begins from
  int submitted() const {
    const std::lock_guard lock(mutex_);
    return submitted_;
  }
  Seen seen() const {
    const std::lock_guard lock(mutex_);
    Seen seen = seen_;
    seen.phase = state_.phase;
    for (const RankState& rank : state_.ranks) {
      seen.incarnations.push_back(rank.incarnation);
      seen.positions.push_back(rank.position);
      seen.stages_finished.push_back(rank.finished.size());
    }
    return seen;
  }

 private:
  static RunSpec Spec(Purpose purpose) {
    RunSpec spec;
    spec.purpose = purpose;
    spec.run = RunId(kRun);
    spec.world = 2;
    spec.stages = {{4}, {4}};
    return spec;
  }
  Effects SubmitLocked(const Event& event) {
    ++submitted_;
    Effects effects = Step(state_, event, Millis(0));
    for (const JournalLine& line : effects.journal) seen_.journal.push_back(line.words);
    if (effects.verdict) seen_.verdict = effects.why;
    return effects;
  }

  const RunId run_{kRun};
  mutable std::mutex mutex_;
  RunState state_;
  Seen seen_;
  int submitted_ = 0;
  bool ended_ = false;
  v1::JoinReply task_;
  std::vector<float> adapter_;
};

}  // namespace strata
