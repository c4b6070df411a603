// Tells of a run's steps to whoever wants to know: a line each in steps.jsonl, a call for the
// terminal. Takes steps from the driver, on a thread of its own, so that a slow disk or a stopped
// terminal holds up neither heartbeats nor the commit.
//
// Threads: Add and Sync from any; `on_step` and `on_evaluation` are called from the log's own
// thread, one call at a time.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace strata {

// One step as steps.jsonl has it.
struct StepSeen {
  uint32_t stage = 0, epoch = 0, step = 0;
  std::string dataset;
  double loss = 0;  // mean NLL per supervised token, in nats
  double learning_rate = 0;
  double grad_norm = 0;       // global L2, before clipping
  double seconds = 0;         // wall time of the step on rank 0
  double reduce_seconds = 0;  // of these, in the all-reduce, where the slowest rank is waited for
  double time = 0;            // when it was told: seconds since 1970, UTC
  uint64_t tokens = 0;        // non-pad, of all ranks
  uint64_t supervised = 0;    // those of them that the loss is over
  bool skipped = false;       // not finite: no rank applied it
  int ranks = 0;
  uint32_t attempt = 0;
  std::string device;
};

// One evaluation of held-out rows as steps.jsonl has it.
struct EvaluationSeen {
  uint32_t stage = 0, epoch = 0, step = 0;  // the last step that was done before it
  std::string dataset;
  double loss = 0;  // mean NLL per supervised token, in nats
  double seconds = 0;
  uint64_t tokens = 0;      // supervised
  bool best = false;        // the least of the stage so far
  bool ends_stage = false;  // sooner than planned
};

using StepEvent = std::variant<StepSeen, EvaluationSeen>;

class StepLog {
 public:
  // Appends to `file`, whose torn last line is cut off first; "" writes none.
  StepLog(std::filesystem::path file, std::function<void(const StepSeen&)> on_step,
          std::function<void(const EvaluationSeen&)> on_evaluation = nullptr);
  // Returns when all that was added has been told.
  ~StepLog();
  StepLog(const StepLog&) = delete;
  StepLog& operator=(const StepLog&) = delete;
  void Add(StepEvent seen);
  // Makes what was added before durable, without waiting for who is told. RESOURCE_EXHAUSTED or
  // UNAVAILABLE with the reason; a log that failed once fails for ever.
  absl::Status Sync();
  // What kept a line from being written; OK while there is nothing.
  absl::Status failure() const;

 private:
  void Tell();
  // Writes what has been added since the last call.
  void Write();

  const std::filesystem::path file_;
  const std::function<void(const StepSeen&)> on_step_;
  const std::function<void(const EvaluationSeen&)> on_evaluation_;
  mutable std::mutex file_mutex_;  // taken before mutex_
  std::ofstream out_;              // guarded by file_mutex_
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<StepEvent> unwritten_, untold_;  // guarded by mutex_
  bool closing_ = false;                       // guarded by mutex_
  absl::Status failure_;                       // guarded by mutex_
  std::thread thread_;
};

// What one line of it says. DATA_LOSS for a line that is none of strata's.
absl::StatusOr<StepEvent> StepEventOf(std::string_view line);

// What a run's steps.jsonl has, in its order: a later attempt's step stands behind the one it does
// again. Lines that are none are passed over. A missing file has none.
std::vector<StepEvent> ReadStepLog(const std::filesystem::path& file);

}  // namespace strata
