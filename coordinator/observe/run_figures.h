// Sums a run up: how far it is, its last figures, what it has counted, how it ended. A fold over
// the run's news; metrics_text.h and `strata watch --json` show it.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>

#include "common/json.h"
#include "coordinator/observe/step_numbers.h"
#include "coordinator/run/run_news.h"

namespace strata {

// What the run is in: the states that it passes through, then its ends (TrainResult's words).
inline constexpr const char* kRunStates[] = {"starting",  "training", "stopping", "committing",
                                             "completed", "partial",  "failed",   "interrupted"};

struct RunFigures {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  std::string state = kRunStates[0], reason;   // the reason is an end's
  std::string dataset;                         // of the last step
  uint32_t stage = 0, stages = 0;              // the third of twelve is 3, 12; 0 before the first
  uint32_t epoch = 0;                          // of the last step, from 1
  uint64_t steps_done = 0, steps_planned = 0;  // updates of the run
  // Of the last step, and of the last evaluation; NaN before.
  double loss = kNone, learning_rate = kNone, grad_norm = kNone, eval_loss = kNone;
  double step_seconds = kNone, tokens_per_second = kNone;
  double step_time = kNone;  // when it was told: seconds since 1970
  // Counted since the fold began, what was done again included.
  uint64_t steps = 0, skipped_steps = 0, tokens = 0, evaluations = 0, checkpoints = 0, restarts = 0,
           warnings = 0;
  double training_seconds = 0;  // of these steps
  uint32_t attempt = 0;
  int ranks = 0;  // that joined the attempt and are not known to be lost
  double checkpoint_time = kNone;
  uint64_t checkpoint_bytes = 0;
  std::optional<Version> version;  // committed by the run
  bool parked = false;
  double commit_time = kNone;

  bool ended() const;
};

class RunTally {
 public:
  // `resumed`: the run goes on from here.
  RunTally(const Plan& plan, const std::optional<Position>& resumed);
  void Take(const TimedNews& news);
  const RunFigures& figures() const { return figures_; }

 private:
  void Take(const StepSeen& step);
  void Take(const EvaluationSeen& evaluation);
  void Take(const JournalLine& line, double time);
  void End(const JournalLine& line);

  const StepNumbers numbers_;
  bool has_errors_ = false;  // of a dataset that could not be planned
  std::set<uint32_t> failed_stages_;
  RunFigures figures_;
};

// One object: the figures by their names; null for what is not there yet.
Json FiguresJson(const RunFigures& figures);

}  // namespace strata
