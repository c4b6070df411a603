// Trains without arithmetic: a replica's state is a hash chain over the steps that it did, so that
// a step done twice, left out or from a wrong checkpoint shows in its digest for ever. Takes a
// LifePlan; the simulated ranks train with it, the watch knows by it what must come out.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "tests/coordinator/core/life_plan.h"

namespace strata {

struct Replica {
  Position next;
  uint64_t adapter = 0;
  uint64_t before_stage = 0;  // the adapter that a stage with bad data is put back to
  bool operator==(const Replica&) const = default;
};

Digest AdapterDigest(uint64_t adapter);
Digest StateDigest(const Replica& replica);

// How the stage that a replica is in ends, now; nothing while it goes on.
struct StageOutcome {
  std::optional<std::string> data_error;
  StageEnd end;
};

class SimulatedTraining {
 public:
  explicit SimulatedTraining(const LifePlan& plan);

  Replica Beginning() const;
  void DoStep(Replica& replica) const;
  // After a step, or before the first one of a replica that was restored.
  std::optional<StageOutcome> Ends(const Replica& replica) const;
  // Puts the replica at the beginning of the next stage; the adapter goes back when it failed.
  void EndStage(Replica& replica, const StageOutcome& outcome) const;
  uint32_t StepsDone(const Replica& replica) const;
  bool IsLastStep(const Position& next) const;

  // What an unbroken training has: its state at each place where a checkpoint can be, the adapter
  // and the end of each stage, all steps in their order.
  const std::map<Position, Digest>& states() const { return states_; }
  const std::vector<Digest>& adapters() const { return adapters_; }
  const std::vector<StageOutcome>& outcomes() const { return outcomes_; }
  const std::set<Position>& steps() const { return steps_; }

 private:
  const LifePlan& plan_;
  std::map<Position, Digest> states_;
  std::vector<Digest> adapters_;
  std::vector<StageOutcome> outcomes_;
  std::set<Position> steps_;
};

}  // namespace strata
