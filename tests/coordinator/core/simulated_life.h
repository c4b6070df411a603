// Lives one whole life of a run in memory: coordinator processes one after another, their groups,
// the network between them and the faults of the plan, until the run is over. Takes a LifePlan,
// gives what came of it and the first promise that was broken.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/coordinator/core/life_plan.h"

namespace strata {

struct LifeReport {
  std::string violation;  // "" when every promise held
  // How the processes ended.
  int completed = 0, failed = 0, interrupted = 0, crashed = 0;
  int attempts = 0, checkpoints = 0, lost = 0, put_back = 0, stragglers = 0, resumed = 0;
  bool committed = false;
  std::vector<std::string> trace;  // lines of a scenario (scenario.h), when asked for
};

LifeReport Live(const LifePlan& plan, bool with_trace = false);

// The smallest plan found, by leaving out and calming down, whose life breaks a promise too.
// REQUIRES: that of `plan` does.
LifePlan Shrunk(LifePlan plan);

// What to print of a life that failed: the seed, the shrunk plan, its trace as a scenario.
std::string Account(const LifePlan& plan);

}  // namespace strata
