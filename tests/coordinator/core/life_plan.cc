#include "tests/coordinator/core/life_plan.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

constexpr int64_t kDuration = 60'000;  // faults fall into these first ms

// How often a kind of fault is drawn, against the others.
constexpr struct {
  FaultKind kind;
  const char* name;
  int weight;
} kKinds[] = {
    {FaultKind::kKillRank, "a rank is killed", 6},
    {FaultKind::kKillGroup, "the group is killed", 4},
    {FaultKind::kStopRank, "a rank is stopped", 4},
    {FaultKind::kHangRank, "a rank hangs", 3},
    {FaultKind::kHangInCollective, "a rank hangs in a collective", 2},
    {FaultKind::kSlowRank, "a rank is slow", 4},
    {FaultKind::kFlipBit, "a replica diverges", 5},
    {FaultKind::kRankFails, "a rank fails", 5},
    {FaultKind::kSilence, "the network is down", 5},
    {FaultKind::kCrash, "the coordinator crashes", 12},
    {FaultKind::kJournalFails, "a journal line can't be kept", 4},
    {FaultKind::kLogFails, "a log can't be kept", 2},
    {FaultKind::kStop, "a stop is asked for", 6},
    {FaultKind::kLoseNewest, "the newest checkpoint is lost", 4},
    {FaultKind::kDamageNewest, "the newest checkpoint is damaged", 4},
    {FaultKind::kDiskFull, "the disk is full", 3},
    {FaultKind::kCommitFails, "a commit fails", 3},
    {FaultKind::kCommitRefused, "a commit is refused", 1},
    {FaultKind::kStranger, "a stranger talks", 14},
    {FaultKind::kFewerMachines, "a machine is missing", 3},
    {FaultKind::kNoLaunch, "a launch fails", 3},
    {FaultKind::kExitLate, "groups end late", 2},
};
static_assert(std::size(kKinds) == static_cast<size_t>(FaultKind::kCount));

FaultKind DrawKind(Draw& draw) {
  int64_t all = 0;
  for (const auto& kind : kKinds) all += kind.weight;
  int64_t at = draw.Below(all);
  for (const auto& kind : kKinds) {
    if (at < kind.weight) return kind.kind;
    at -= kind.weight;
  }
  return FaultKind::kStranger;
}

Fault DrawFault(Draw& draw, const RunSpec& spec) {
  Fault fault;
  // Short lives have their troubles early.
  fault.at_ms = draw.Percent(70) ? draw.Below(kDuration / 6) : draw.Below(kDuration);
  fault.kind = DrawKind(draw);
  fault.rank = static_cast<int>(draw.Below(spec.world));
  fault.seed = draw.Next();
  fault.amount = 1'000 + draw.Below(40'000);
  if (fault.kind == FaultKind::kSilence && draw.Percent(40)) fault.rank = -1;
  if (fault.kind == FaultKind::kRankFails) fault.amount = draw.Percent(15) ? 1 : 0;
  if (fault.kind == FaultKind::kSlowRank) fault.amount = 3 + draw.Below(5);
  if (fault.kind == FaultKind::kCrash)
    fault.amount = draw.Below(static_cast<int64_t>(CrashPoint::kCount));
  if (fault.kind == FaultKind::kFewerMachines) fault.at_ms /= 8;
  return fault;
}

StageFate DrawFate(Draw& draw, const RunSpec& spec, uint32_t stage) {
  StageFate fate;
  int64_t steps = 0;
  for (const uint32_t of_epoch : spec.stages[stage]) steps += of_epoch;
  if (draw.Percent(12)) {
    fate.error_after = static_cast<uint32_t>(1 + draw.Below(steps));
  } else if (draw.Percent(12)) {
    fate.early_after = static_cast<uint32_t>(1 + draw.Below(steps));
  }
  return fate;
}

}  // namespace

uint64_t Mix(uint64_t a, uint64_t b) {
  uint64_t z = a * 0x9e3779b97f4a7c15u + b + 0x632be59bd9b4e019u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

uint64_t Draw::Next() { return state_ = Mix(state_, 1); }

LifePlan PlanOfSeed(uint64_t seed) {
  Draw draw(Mix(seed, 0));
  LifePlan plan;
  plan.seed = seed;
  RunSpec& spec = plan.spec;
  spec.world = static_cast<int>(1 + draw.Below(4));
  if (draw.Percent(30)) spec.world_min = static_cast<int>(1 + draw.Below(spec.world));
  spec.stages.resize(1 + static_cast<size_t>(draw.Below(3)));
  for (auto& stage : spec.stages) {
    for (int64_t epochs = 1 + draw.Below(2); epochs > 0; --epochs)
      stage.push_back(static_cast<uint32_t>(1 + draw.Below(4)));
  }
  spec.stop_on_dataset_error = draw.Percent(20);
  spec.restarts_max = static_cast<uint32_t>(draw.Below(5));
  spec.headway_max = Millis(60'000);
  if (draw.Percent(30)) spec.backoff_max = Millis(3'000);
  for (uint32_t i = 0; i < spec.stages.size(); ++i) plan.fates.push_back(DrawFate(draw, spec, i));
  plan.save_steps = static_cast<uint32_t>(draw.Below(4));
  if (draw.Percent(40)) {
    plan.lost_percent = static_cast<int>(draw.Below(12));
    plan.repeated_percent = static_cast<int>(draw.Below(20));
    plan.delay_ms_max = static_cast<int>(10 + draw.Below(3'000));
  }
  plan.pipelined = draw.Percent(15);
  // One life in eight is untroubled.
  for (int64_t faults = draw.Below(8); faults > 0; --faults)
    plan.faults.push_back(DrawFault(draw, spec));
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const Fault& a, const Fault& b) { return a.at_ms < b.at_ms; });
  return plan;
}

std::string RunLine(const LifePlan& plan) {
  std::string steps;
  for (size_t i = 0; i < plan.spec.stages.size(); ++i) {
    if (i > 0) steps += ";";
    for (size_t epoch = 0; epoch < plan.spec.stages[i].size(); ++epoch)
      absl::StrAppend(&steps, epoch > 0 ? "," : "", plan.spec.stages[i][epoch]);
  }
  return absl::StrCat("run world=", plan.spec.world, " steps=", steps,
                      " restarts=", plan.spec.restarts_max, " least=", plan.spec.world_min,
                      " hang=", plan.spec.headway_max.count(),
                      " backoff=", plan.spec.backoff_max.count(),
                      plan.spec.stop_on_dataset_error ? " stop_on_error" : "");
}

std::string Describe(const LifePlan& plan) {
  std::string text =
      absl::StrCat("seed ", plan.seed, ", a checkpoint every ", plan.save_steps, " steps, ",
                   plan.lost_percent, " % lost, ", plan.repeated_percent, " % repeated, up to ",
                   plan.delay_ms_max, " ms late", plan.pipelined ? ", pipelined" : "", "\n");
  for (size_t i = 0; i < plan.fates.size(); ++i) {
    if (plan.fates[i].error_after)
      absl::StrAppend(&text, "  stage ", i, " fails after ", *plan.fates[i].error_after,
                      " steps\n");
    if (plan.fates[i].early_after)
      absl::StrAppend(&text, "  stage ", i, " ends after ", *plan.fates[i].early_after, " steps\n");
  }
  for (const Fault& fault : plan.faults) {
    const auto kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                   [&](const auto& k) { return k.kind == fault.kind; });
    absl::StrAppend(&text, "  at ", fault.at_ms, " ms: ", kind->name, " (rank ", fault.rank,
                    ", amount ", fault.amount, ")\n");
  }
  return text;
}

}  // namespace strata
