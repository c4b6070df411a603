#include "coordinator/core/liveness.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "coordinator/core/run_life.h"

namespace strata {
namespace {

constexpr uint64_t kJudgedReductions = 20;  // fewer say little
constexpr double kStraggling = 1.5;         // times the median

double BusyOf(const RankState& rank) {
  return static_cast<double>(rank.progress.busy.count()) /
         static_cast<double>(rank.progress.reductions);
}

// The median rank's time between two reductions, in ms; 0 when too little is known.
double MedianBusy(const RunState& state) {
  std::vector<double> busy;
  for (const RankState& rank : state.ranks) {
    if (rank.progress.reductions < kJudgedReductions) return 0;
    busy.push_back(BusyOf(rank));
  }
  // Of two ranks the faster one is the measure.
  const auto middle = busy.begin() + static_cast<std::ptrdiff_t>((busy.size() - 1) / 2);
  std::nth_element(busy.begin(), middle, busy.end());
  return *middle;
}

void NoticeStraggler(RunState& state, Effects& effects, RankState& rank, int number) {
  // While a commit is under way nothing is journaled but its outcome: a line that could not be kept
  // would end the run as failed beside the version that is being made.
  if (rank.straggles || state.phase != Phase::kTraining || state.ranks.size() < 2) return;
  const double median = MedianBusy(state);
  if (median <= 0 || BusyOf(rank) <= kStraggling * median) return;
  rank.straggles = true;
  const std::string words =
      absl::StrCat("rank ", number, " on ", rank.seat.host, " computes ",
                   static_cast<int64_t>(BusyOf(rank) / median * 10) / 10.0,
                   " times as long as the median rank; the others wait for it in every step");
  effects.journal.push_back(Line(state, "straggler", words));
  effects.warnings.push_back(words);
}

// Nobody gets anything done: whoever is not waiting for the others keeps them.
std::string WhoHangs(const RunState& state, Millis now) {
  std::string hanging, all;
  for (size_t i = 0; i < state.ranks.size(); ++i) {
    const RankState& rank = state.ranks[i];
    if (now - rank.headway_at <= state.spec.headway_max) return "";
    const std::string name = absl::StrCat(i, " on ", rank.seat.host);
    absl::StrAppend(&all, all.empty() ? "" : ", ", name);
    if (!rank.progress.in_collective) absl::StrAppend(&hanging, hanging.empty() ? "" : ", ", name);
  }
  return absl::StrCat("no rank has got anything done for ", state.spec.headway_max.count() / 1000,
                      " s (ddp_timeout): ",
                      hanging.empty() ? "all wait in a collective: rank " + all
                                      : "the others wait for rank " + hanging);
}

}  // namespace

void TakeProgress(RunState& state, Effects& effects, const Heartbeat& event, Millis now) {
  const int number = event.caller.rank.value();
  RankState& rank = state.ranks[number];
  // A call that is no heartbeat tells nothing of it.
  if (event.progress.headway > rank.progress.headway) {
    rank.headway_at = now;
    rank.progress = event.progress;
    NoticeStraggler(state, effects, rank, number);
  } else if (event.progress.headway == rank.progress.headway) {
    rank.progress.in_collective = event.progress.in_collective;
  }
}

std::string WhatIsLost(const RunState& state, Millis now) {
  for (size_t i = 0; i < state.ranks.size(); ++i) {
    const RankState& rank = state.ranks[i];
    if (rank.incarnation.empty()) {
      const Millis limit = state.first_join ? state.spec.join_spread_max : state.spec.join_max;
      if (now - state.first_join.value_or(state.launched) <= limit) continue;
      return absl::StrCat("rank ", i, " did not join within ", limit.count() / 1000, " s of ",
                          state.first_join ? "the first rank" : "its launch");
    }
    if (now - rank.seen > state.spec.lease) {
      return absl::StrCat("rank ", i, " on ", rank.seat.host, " was not heard of for ",
                          state.spec.lease.count() / 1000, " s");
    }
  }
  return state.phase == Phase::kTraining ? WhoHangs(state, now) : "";
}

}  // namespace strata
