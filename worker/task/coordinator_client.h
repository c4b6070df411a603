// Speaks to the coordinator for one worker: the worker's only door to gRPC.
// Gives the task (plain structs, no protobuf, no libtorch) and carries back what the task made.
//
// Lifecycle: Connect joins and starts a heartbeat thread; a lease that can't be renewed for its
// whole length, or an answer that the attempt is over, ends the process at once (_exit): a stuck
// collective can't hold it back. Threads: calls may come from any thread. Errors: a failed call is
// a Status with the coordinator's words; UNAVAILABLE is tried again within the lease.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/log_line.h"
#include "common/sha256.h"
#include "worker/generate/generation_work.h"
#include "worker/task/run_secrets.h"
#include "worker/train/step_work.h"

namespace strata {

struct WorkerIdentity {
  std::string coordinator;  // "127.0.0.1:PORT"
  RunSecrets secrets;
  std::string run;       // "": the one that the coordinator has
  uint32_t attempt = 0;  // 0: the live one
  int rank = kNoRank, world = 1;
  std::string launch;  // random, the same for all ranks that MPI started together
  std::string device;  // "cpu" or "cuda:0"; "" when none can be had
  std::string device_name, cpus;
  uint32_t threads = 1;
  LogFormat log_format = LogFormat::kText;  // of what the rank says
};

struct StageTask {
  uint32_t index = 0;
  std::string dataset;
  std::vector<uint32_t> steps;  // per epoch
  uint64_t dropout_key = 0;
  uint32_t held_out_steps = 0;
};

struct OptimizerTask {
  double beta1 = 0, beta2 = 0, epsilon = 0, weight_decay = 0;
  double max_grad_norm = 0;  // 0 does not clip
  double loraplus_lr_ratio = 1;
};

// A state of the training that is kept by the coordinator.
struct SavedState {
  StagePosition next;
  uint64_t bytes = 0;
  Digest digest;
};

struct WorkerTask {
  std::string base_path, base_config_sha256;
  std::string dtype;  // "float32", "bfloat16"
  uint32_t micro_batch_size = 1;
  uint32_t lora_r = 0;
  double lora_alpha = 0, lora_dropout = 0;
  std::vector<std::string> target_modules;
  uint64_t adapter_elements = 0;
  std::vector<StageTask> stages;  // of an evaluation: one, of one epoch
  bool evaluation = false;
  std::optional<GenerationWork> generation;  // then there is no stage
  OptimizerTask optimizer;
  bool gradient_checkpointing = false;
  double neftune_noise_alpha = 0;
  uint32_t nonfinite_steps_max = 0;
  uint32_t eval_steps = 0, early_stopping_patience = 0;
  double loss_watchdog_threshold = 0;
  uint32_t loss_watchdog_patience = 0;
  uint32_t save_steps = 0;  // within a stage; 0: not by steps
  double save_minutes = 0;  // 0: not by time
  std::optional<SavedState> resume;
};

// How a stage ended, for FinishStage.
struct StageDone {
  uint32_t stage = 0;
  std::string data_error;  // "" for a stage that was trained
  uint32_t steps_kept = 0;
  std::string reason;  // why the adapter is not the last step's; ""
  Digest adapter;
};

// Which steps FetchShard brings.
struct StepWindow {
  StagePosition first;
  uint32_t step_count = 0;
  bool held_out = false;  // of the stage's held-out rows; first.epoch is 0
};

// What the heartbeats tell of this rank's work. Threads: any.
struct WorkerProgress {
  std::atomic<uint64_t> headway = 0;  // to be raised whenever something got done
  std::atomic<bool> in_collective = false;
  std::atomic<uint64_t> reductions = 0;
  std::atomic<uint64_t> busy_ms = 0;  // outside of collectives, since the first
};

class CoordinatorClient {
 public:
  static absl::StatusOr<std::unique_ptr<CoordinatorClient>> Connect(const WorkerIdentity& identity);
  ~CoordinatorClient();

  const WorkerTask& task() const;
  // With the run and the attempt that were joined.
  const WorkerIdentity& identity() const;
  // The coordinator has asked for a stop; to be agreed with the other ranks.
  bool StopRequested() const;
  // What the next heartbeats report.
  void SetPosition(StagePosition position);
  WorkerProgress& progress();

  absl::StatusOr<std::vector<float>> FetchAdapter();
  absl::StatusOr<std::vector<StepWork>> FetchShard(const StepWindow& window);
  absl::Status ReportSteps(const std::vector<StepReport>& reports,
                           const std::vector<EvaluationReport>& evaluations);
  absl::Status FinishStage(const StageDone& done);
  // Rank 0: the state whose bytes are `pieces`, one after the other. OK once it is on disk.
  absl::Status SendCheckpoint(const SavedState& state, const std::vector<std::string_view>& pieces);
  // Any other rank: that its state has the same bytes.
  absl::Status ProveCheckpoint(const SavedState& state);
  // The bytes of task().resume, proven by their digest.
  absl::StatusOr<std::string> FetchCheckpoint();
  absl::Status SendCandidate(const std::vector<float>& adapter, const Digest& digest);
  absl::Status ReportEvaluation(double loss_sum, uint64_t tokens);
  absl::Status ReportGeneration(const std::vector<GeneratedToken>& tokens);
  // Tries once; the worker ends anyway. `permanent`: another attempt would fail in the same way.
  void Fail(const std::string& reason, bool permanent);

 private:
  struct Impl;
  explicit CoordinatorClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata
