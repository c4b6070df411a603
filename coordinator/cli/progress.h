// Shows a run while it goes: a bar for each stage in a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/run/training.h"

namespace strata {

class Progress {
 public:
  // `terminal`: bars that are drawn over; else a line when an epoch ends. `quiet` prints nothing.
  Progress(bool terminal, bool quiet) : terminal_(terminal), quiet_(quiet) {}
  // Prints the settings that the run goes by and what it is about to do.
  void Begin(const RunStart& start);
  void OnStep(const StepSeen& step);
  // Shows how much of a dataset has been tokenised, in a terminal only.
  void OnTokenize(uint64_t bytes_done, uint64_t bytes_total);
  // Ends a bar that is being drawn.
  void End();

 private:
  struct Stage {
    std::string name;
    std::vector<uint32_t> steps;  // per epoch
    uint32_t total = 0;
  };
  void PrintSettings(const RunStart& start) const;
  void DrawBar(const Stage& stage, const StepSeen& step, uint32_t done);

  const bool terminal_, quiet_;
  std::vector<Stage> stages_;
  uint32_t stage_ = UINT32_MAX;
  double tokens_ = 0, seconds_ = 0, loss_ = 0;  // of the stage; loss is a running mean
  uint32_t counted_ = 0;                        // steps in that mean
  bool drawing_ = false;
};

}  // namespace strata
