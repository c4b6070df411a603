#include <functional>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/core/simulated_life.h"

namespace strata {
namespace {

bool Fails(const LifePlan& plan) { return !Live(plan).violation.empty(); }

// Takes the change if the life still fails.
bool Try(LifePlan& plan, const std::function<void(LifePlan&)>& change) {
  LifePlan changed = plan;
  change(changed);
  if (!Fails(changed)) return false;
  plan = std::move(changed);
  return true;
}

void DropFaults(LifePlan& plan) {
  for (size_t i = plan.faults.size(); i-- > 0;)
    Try(plan, [&](LifePlan& p) { p.faults.erase(p.faults.begin() + static_cast<long>(i)); });
}

void Shorten(LifePlan& plan) {
  while (plan.spec.stages.size() > 1 && Try(plan, [](LifePlan& p) {
           p.spec.stages.pop_back();
           p.fates.pop_back();
         })) {
  }
  for (size_t stage = 0; stage < plan.spec.stages.size(); ++stage) {
    Try(plan, [&](LifePlan& p) { p.fates[stage] = {}; });
    if (plan.fates[stage].error_after || plan.fates[stage].early_after) continue;
    Try(plan, [&](LifePlan& p) { p.spec.stages[stage].resize(1); });
    while (plan.spec.stages[stage][0] > 1 &&
           Try(plan, [&](LifePlan& p) { --p.spec.stages[stage][0]; })) {
    }
  }
}

void Calm(LifePlan& plan) {
  Try(plan, [](LifePlan& p) { p.pipelined = false; });
  Try(plan, [](LifePlan& p) { p.lost_percent = 0; });
  Try(plan, [](LifePlan& p) { p.repeated_percent = 0; });
  Try(plan, [](LifePlan& p) { p.delay_ms_max = 10; });
  Try(plan, [](LifePlan& p) { p.spec.world_min = 0; });
  Try(plan, [](LifePlan& p) { p.spec.restarts_max = 0; });
  Try(plan, [](LifePlan& p) { p.save_steps = 0; });
  while (plan.spec.world > 1 && Try(plan, [](LifePlan& p) { --p.spec.world; })) {
  }
}

}  // namespace

LifePlan Shrunk(LifePlan plan) {
  for (int round = 0; round < 2; ++round) {
    DropFaults(plan);
    Calm(plan);
    Shorten(plan);
  }
  return plan;
}

std::string Account(const LifePlan& plan) {
  const std::string violation = Live(plan).violation;
  const LifePlan shrunk = Shrunk(plan);
  const LifeReport report = Live(shrunk, /*with_trace=*/true);
  std::string text =
      absl::StrCat("seed ", plan.seed, " breaks: ", violation,
                   "\nshrunk, it breaks: ", report.violation, "\n", Describe(shrunk));
  for (const std::string& line : report.trace) absl::StrAppend(&text, line, "\n");
  return text;
}

}  // namespace strata
