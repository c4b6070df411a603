// Shows a run while it goes: two lines for the stage that is trained in a terminal, drawn over, and
// one for each that has ended; plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "coordinator/cli/stage_view.h"
#include "coordinator/cli/terminal.h"
#include "coordinator/run/training.h"

namespace strata {

class Progress {
 public:
  // `quiet` prints nothing.
  explicit Progress(bool quiet);
  // Prints the settings that the run goes by and what it is about to do.
  void Begin(const RunStart& start);
  // Shows the steps of a run of this plan without a word before them. Begin does it too.
  void Follow(const Plan& plan);
  void OnStep(const StepSeen& step);
  void OnEvaluation(const EvaluationSeen& evaluation);
  // Shows how much of a dataset has been tokenised, in a terminal only.
  void OnTokenize(uint64_t bytes_done, uint64_t bytes_total);
  // Takes away what is being drawn, so that something can be said; the next step draws it again.
  void MakeRoom();
  // Ends the lines that are being drawn.
  void End();

 private:
  struct Stage {
    StageView view;
    std::vector<uint32_t> steps;  // per epoch
    double tokens = 0;            // over all epochs
  };
  // Sums over one stage, begun anew when an attempt begins it again.
  struct Measured {
    double tokens = 0, seconds = 0;
    uint64_t steps = 0;
    double mean_loss = 0;  // running, over `finite` updates
    uint64_t finite = 0;
    double epoch_loss = 0;  // Σ over the epoch, by supervised token
    uint64_t epoch_supervised = 0;
    uint32_t epoch = 0;
  };
  void Measure(const StepSeen& step);
  void Enter(const StepSeen& first);
  void UpdateView(const StepSeen& step, uint32_t done);
  // The view shows the mean over the epoch's tokens, as the summary does, in place of the running
  // one.
  void TakeEpochLoss();
  // A line of the stage, where nothing can be drawn over.
  void PrintLine(const StageView& view, const std::string& end) const;
  void Draw(bool at_once);
  // Takes away what is being drawn, to print below what stays.
  void Erase();
  void PrintSettings(const RunStart& start) const;

  std::mutex mutex_;  // what is drawn has one hand at a time
  const bool quiet_;
  Terminal terminal_;
  std::vector<Stage> stages_;
  uint32_t stage_ = UINT32_MAX;
  Measured measured_;
  double run_tokens_ = 0, run_seconds_ = 0;
  double stage_began_ = 0;  // seconds since 1970, by its first step's time
  std::chrono::steady_clock::time_point drawn_;
  bool drawing_ = false;
};

}  // namespace strata
