#include "coordinator/core/run_life.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

// Doubles with each attempt that was lost without a new checkpoint.
Millis Backoff(const RunState& state) {
  Millis wait = state.spec.backoff;
  for (uint32_t i = 1; i < state.restarts && wait < state.spec.backoff_max; ++i) wait *= 2;
  return std::min(wait, state.spec.backoff_max);
}

bool AllJoined(const RunState& state) {
  return std::none_of(state.ranks.begin(), state.ranks.end(),
                      [](const RankState& rank) { return rank.incarnation.empty(); });
}

}  // namespace

JournalLine Line(const RunState& state, const char* kind, std::string words) {
  return {.kind = kind, .words = std::move(words), .attempt = state.attempt};
}

std::string PlaceText(const Position& at) {
  return absl::StrCat("stage ", at.stage, ", epoch ", at.epoch, ", step ", at.step);
}

std::string WhatIsKept(const RunState& state) {
  if (!Trains(state)) return "nothing was changed; find the cause, then try again";
  if (!state.checkpoint)
    return "current is untouched; find the cause, then train again to start over";
  return absl::StrCat("current is untouched; the next train goes on from ",
                      PlaceText(state.checkpoint->next));
}

uint64_t StepsOf(const RunSpec& spec, uint32_t stage) {
  uint64_t steps = 0;
  for (const uint32_t of_epoch : spec.stages[stage]) steps += of_epoch;
  return steps;
}

bool StagesProved(const RunState& state, uint32_t end) {
  for (const RankState& rank : state.ranks) {
    for (uint32_t stage = state.checkpoint ? state.checkpoint->next.stage : 0; stage < end; ++stage)
      if (rank.finished.count(stage) == 0) return false;
  }
  return true;
}

void End(RunState& state, Effects& effects, RunEnd end) {
  effects.end_group = Live(state) || state.phase == Phase::kLeaving;
  state.phase = Phase::kEnded;
  effects.verdict = end.verdict;
  effects.why = end.why;
  JournalLine line = Line(state, "ended", std::move(end.why));
  line.verdict = end.verdict;
  line.resumable = end.verdict != Verdict::kCompleted && end.resumable && Trains(state);
  effects.journal.push_back(std::move(line));
}

void EndStopped(RunState& state, Effects& effects) {
  std::string why = !Trains(state) ? "stopped as asked; nothing was changed"
                    : !state.checkpoint
                        ? "stopped as asked; current is untouched; train again to start over"
                        : absl::StrCat(
                              "stopped as asked; current is untouched; the next train "
                              "goes on from ",
                              PlaceText(state.checkpoint->next));
  End(state, effects, {Verdict::kInterrupted, std::move(why)});
}

void ReturnToCheckpoint(RunState& state) {
  const Position next = state.checkpoint ? state.checkpoint->next : Position{};
  state.recorded = state.evaluated = next;
  state.stage_errors.erase(state.stage_errors.lower_bound(next.stage), state.stage_errors.end());
  state.stage_ends.erase(state.stage_ends.lower_bound(next.stage), state.stage_ends.end());
  state.candidate.reset();
}

void Launch(RunState& state, Effects& effects, Millis now) {
  state.attempt = AttemptId(state.attempt.value() + 1);
  state.phase = Phase::kJoining;
  state.launched = now;
  state.first_join.reset();
  state.ranks.assign(state.world, RankState{});
  ReturnToCheckpoint(state);
  effects.journal.push_back(
      Line(state, "attempt",
           absl::StrCat(state.world, " ranks",
                        state.checkpoint ? ", from " + PlaceText(state.checkpoint->next) : "")));
  effects.launch = state.attempt;
}

void Lose(RunState& state, Effects& effects, const std::string& why, Millis now, bool permanent) {
  if (state.stop_asked) return EndStopped(state, effects);
  const bool last = permanent || !Trains(state) || state.restarts >= state.spec.restarts_max;
  if (last) {
    const bool tried = !permanent && Trains(state) && state.spec.restarts_max > 0;
    std::string attempts = tried ? absl::StrCat("; ", state.restarts + 1,
                                                " attempts in a row came no further (max_restarts)")
                                 : "";
    return End(state, effects,
               {Verdict::kFailed, absl::StrCat(why, attempts, "; ", WhatIsKept(state))});
  }
  const int least = state.spec.world_min > 0 ? state.spec.world_min : state.spec.world;
  if (!AllJoined(state)) state.world = std::max(least, state.world - 1);
  ++state.restarts;
  state.phase = Phase::kLeaving;
  state.next_launch = now + Backoff(state);
  effects.end_group = true;
  effects.why = why;
  effects.journal.push_back(Line(state, "lost", why));
  effects.warnings.push_back(absl::StrCat(
      "attempt ", state.attempt.value(), " is lost: ", why, "; the next goes on from ",
      state.checkpoint ? PlaceText(state.checkpoint->next) : std::string("the beginning")));
}

}  // namespace strata
