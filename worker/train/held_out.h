// Evaluates a stage's held-out rows while it is trained: after which steps, and what follows from
// the loss. Takes the rows from a StepSource, gives the loop a report and, at the stage's end, the
// adapter that it leaves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "worker/train/early_stopping.h"
#include "worker/train/evaluation.h"
#include "worker/train/training.h"

namespace strata {

struct HeldOutSettings {
  uint32_t steps = 0;        // of the held-out rows; 0: there are none, nothing is evaluated
  uint32_t every_steps = 0;  // of the stage, and after its last; 0: after each epoch
  uint32_t patience = 0;     // as EarlyStopping has it
};

class HeldOut {
 public:
  // `steps` of each epoch of the stage.
  HeldOut(const HeldOutSettings& settings, const std::vector<uint32_t>& steps);

  // Whether the rows are to be evaluated after this step.
  bool IsDue(const StagePosition& after) const;
  // Every rank calls it and gets the same report, but for seconds.
  EvaluationReport Evaluate(const StagePosition& after, uint32_t micro_batch_size,
                            TrainingEngine engine);
  EarlyStopping& stopping() { return stopping_; }
  const EarlyStopping& stopping() const { return stopping_; }
  bool ends_stage() const { return stopping_.ends_stage(); }
  // The adapter becomes what the stage leaves; as EarlyStopping::Leave.
  uint32_t Leave(const StagePosition& last, FlatAdapter& adapter, std::string* reason) const;

 private:
  const HeldOutSettings settings_;
  const std::vector<uint32_t> steps_;
  uint32_t steps_planned_ = 0;
  EarlyStopping stopping_;
};

}  // namespace strata
