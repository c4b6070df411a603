#include "coordinator/core/checkpoints.h"

#include "absl/strings/str_cat.h"
#include "coordinator/core/run_life.h"

namespace strata {
namespace {

// Every rank has told of this place and ended the stages before it, whose lines a run that goes on
// from here must find; the record has all steps of the stage up to it.
bool IsComplete(const RunState& state, const Position& next) {
  for (const RankState& rank : state.ranks) {
    if (!rank.proof || rank.proof->next != next) return false;
  }
  return StagesProved(state, next.stage) && (next.step == 0 || next <= state.recorded);
}

// The ranks whose state is not rank 0's, in words; "" when all are equal.
std::string Differing(const RunState& state) {
  std::string differing;
  for (size_t rank = 1; rank < state.ranks.size(); ++rank) {
    if (state.ranks[rank].proof->state == state.ranks[0].proof->state) continue;
    absl::StrAppend(&differing, differing.empty() ? "" : ", ", rank, " on ",
                    state.ranks[rank].seat.host);
  }
  return differing;
}

}  // namespace

bool IsPlace(const RunSpec& spec, const Position& next) {
  if (next.stage >= spec.stages.size()) return false;
  if (next.step == 0) return next.stage > 0 && next.epoch == 0;
  return next.epoch < spec.stages[next.stage].size() &&
         next.step <= spec.stages[next.stage][next.epoch];
}

void TakeCheckpoint(RunState& state, Effects& effects, const CheckpointTaken& event, Millis now) {
  if (!Trains(state) || !IsPlace(state.spec, event.next)) {
    effects.answer = Answer::kInvalid;
    effects.why = "a checkpoint at a place that the plan does not have";
    return;
  }
  if (state.phase != Phase::kTraining) return;
  if (state.checkpoint && event.next <= state.checkpoint->next) return;
  RankState& rank = state.ranks[event.caller.rank.value()];
  if (rank.proof && event.next <= rank.proof->next) return;
  rank.proof = {event.next, state.attempt, event.state};
  if (!IsComplete(state, event.next)) return;
  if (const std::string differing = Differing(state); !differing.empty()) {
    effects.answer = Answer::kAborted;
    return Lose(state, effects,
                absl::StrCat("the states of the ranks differ before ", PlaceText(event.next),
                             ": rank 0's is not that of rank ", differing,
                             "; check these machines' memory"),
                now);
  }
  state.checkpoint = state.ranks[0].proof;
  state.restarts = 0;
  JournalLine line = Line(state, "checkpoint", PlaceText(event.next));
  line.checkpoint = state.checkpoint;
  effects.journal.push_back(std::move(line));
  effects.checkpoint = true;
}

}  // namespace strata
