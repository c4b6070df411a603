// Names what a run tells those who watch it while it goes, and how it is told. The driver and the
// training tell it to a RunObserver; `strata watch` reads most of it back from the run's folder.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

#include "common/ids.h"
#include "coordinator/core/run_core.h"
#include "coordinator/run/step_log.h"

namespace strata {

// A checkpoint counts, and its file has so many bytes.
struct CheckpointSeen {
  Checkpoint checkpoint;
  uint64_t bytes = 0;
};
// A version was committed.
struct CommitSeen {
  Version version;
  bool parked = false;  // and not made current
};
struct WarningSeen {
  std::string words;
};
// The run is over; the words of TrainResult.
struct RunEndSeen {
  std::string status, reason;
};

// A JournalLine is on disk when it is told.
using RunNews = std::variant<StepSeen, EvaluationSeen, JournalLine, CheckpointSeen, CommitSeen,
                             WarningSeen, RunEndSeen>;

struct TimedNews {
  std::chrono::system_clock::time_point time;  // when it was told
  RunNews news;
};

class RunObserver {
 public:
  virtual ~RunObserver() = default;
  // Called in the order of what happens, from any thread, some of them holding the run's lock: it
  // returns at once, whatever becomes of disks and networks, and never fails.
  virtual void Tell(RunNews news) = 0;
};

}  // namespace strata
