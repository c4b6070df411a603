#include "coordinator/core/run_core.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "coordinator/core/checkpoints.h"
#include "coordinator/core/liveness.h"
#include "coordinator/core/run_life.h"

namespace strata {
namespace {

Effects Refuse(Answer answer, std::string why) {
  Effects effects;
  effects.answer = answer;
  effects.why = std::move(why);
  return effects;
}

// The rank that called, or the reason why its call changes nothing.
RankState* Find(RunState& state, const Caller& caller, Effects& effects) {
  if (!Live(state) || caller.attempt != state.attempt) {
    effects = Refuse(Answer::kAborted, "this attempt is over");
    return nullptr;
  }
  const int rank = caller.rank.value();
  if (rank < 0 || rank >= state.world) {
    effects = Refuse(Answer::kInvalid, absl::StrCat("the run has no rank ", rank));
    return nullptr;
  }
  RankState& known = state.ranks[rank];
  if (known.incarnation.empty() || known.incarnation != caller.incarnation) {
    effects = Refuse(Answer::kAborted, absl::StrCat("rank ", rank, " has another incarnation"));
    return nullptr;
  }
  return &known;
}

bool InPlan(const RunSpec& spec, const Position& at) {
  return at.stage < spec.stages.size() && at.epoch < spec.stages[at.stage].size() &&
         at.step < spec.stages[at.stage][at.epoch];
}

// Where a rank may stand: before a step of the plan, at the end of an epoch, or at the beginning.
bool MayStandAt(const RunSpec& spec, const Position& at) {
  if (at == Position{}) return true;
  return at.stage < spec.stages.size() && at.epoch < spec.stages[at.stage].size() &&
         at.step <= spec.stages[at.stage][at.epoch];
}

Answer Onward(const RunState& state) { return state.stop_asked ? Answer::kStop : Answer::kOk; }

void CommitWhenProved(RunState& state, Effects& effects, Millis now) {
  if (state.phase != Phase::kTraining || !state.candidate) return;
  const auto stages = static_cast<uint32_t>(state.spec.stages.size());
  if (!StagesProved(state, stages)) return;
  for (const RankState& rank : state.ranks) {
    if (rank.finished.at(stages - 1) != *state.candidate) {
      return Lose(state, effects,
                  "the candidate differs from a rank's replica; check the machines' memory", now);
    }
  }
  state.phase = Phase::kCommitting;
  JournalLine proved =
      Line(state, "proved", absl::StrCat(state.ranks.size(), " replicas have the candidate"));
  proved.adapter = state.candidate;
  effects.journal.push_back(std::move(proved));
  effects.commit = true;
}

Effects On(RunState& state, const Started&, Millis now) {
  Effects effects;
  if (state.phase != Phase::kIdle) return Refuse(Answer::kInvalid, "the run has started already");
  Launch(state, effects, now);
  return effects;
}

Effects On(RunState& state, const Joined& event, Millis now) {
  if (!Live(state) || event.caller.attempt != state.attempt) {
    return Refuse(Answer::kAborted, "this attempt is over");
  }
  const int rank = event.caller.rank.value();
  if (event.world != state.world || rank < 0 || rank >= event.world) {
    return Refuse(Answer::kInvalid,
                  absl::StrCat("rank ", rank, " of ", event.world, " joined a run of ", state.world,
                               " ranks; start as many as were asked for"));
  }
  RankState& known = state.ranks[rank];
  if (!known.incarnation.empty() && known.incarnation != event.caller.incarnation) {
    return Refuse(Answer::kAborted, absl::StrCat("rank ", rank, " has joined already"));
  }
  if (state.first_join && state.joining != event.launch) {
    return Refuse(
        Answer::kAborted,
        absl::StrCat("rank ", rank, " is of another launch than the ranks that have joined"));
  }
  Effects effects;
  if (known.incarnation.empty()) {
    effects.journal.push_back(
        Line(state, "joined",
             absl::StrCat("rank ", rank, " on ", event.seat.host, ", ", event.seat.device)));
  }
  known.incarnation = event.caller.incarnation;
  known.seat = event.seat;
  state.joining = event.launch;
  known.seen = known.headway_at = now;
  if (!state.first_join) state.first_join = now;
  const bool all = std::none_of(state.ranks.begin(), state.ranks.end(),
                                [](const RankState& r) { return r.incarnation.empty(); });
  if (all && state.phase == Phase::kJoining) state.phase = Phase::kTraining;
  effects.answer = Answer::kOk;
  return effects;
}

Effects On(RunState& state, const Heartbeat& event, Millis now) {
  Effects effects;
  if (RankState* rank = Find(state, event.caller, effects)) {
    if (!MayStandAt(state.spec, event.position))
      return Refuse(Answer::kInvalid, "a position that the plan does not have");
    rank->seen = now;
    rank->position = std::max(rank->position, event.position);
    TakeProgress(state, effects, event, now);
    effects.answer = Onward(state);
  }
  return effects;
}

Effects On(RunState& state, const StepDone& event, Millis now) {
  Effects effects;
  RankState* rank = Find(state, event.caller, effects);
  if (rank == nullptr) return effects;
  if (!Trains(state) || event.caller.rank.value() != 0 || !InPlan(state.spec, event.position)) {
    return Refuse(Answer::kInvalid, "a step that the plan does not have, or not from rank 0");
  }
  rank->seen = now;
  if (event.position >= state.recorded) {
    state.recorded = {event.position.stage, event.position.epoch, event.position.step + 1};
    effects.record_step = true;
  }
  effects.answer = Onward(state);
  return effects;
}

Effects On(RunState& state, const EvaluationDone& event, Millis now) {
  Effects effects;
  RankState* rank = Find(state, event.caller, effects);
  if (rank == nullptr) return effects;
  if (!Trains(state) || event.caller.rank.value() != 0 || !InPlan(state.spec, event.after)) {
    return Refuse(Answer::kInvalid,
                  "an evaluation after a step that the plan does not have, or not from rank 0");
  }
  rank->seen = now;
  if (event.after >= state.evaluated) {
    state.evaluated = {event.after.stage, event.after.epoch, event.after.step + 1};
    effects.record_evaluation = true;
  }
  return effects;
}

Effects On(RunState& state, const CheckpointTaken& event, Millis now) {
  Effects effects;
  RankState* rank = Find(state, event.caller, effects);
  if (rank == nullptr) return effects;
  rank->seen = now;
  TakeCheckpoint(state, effects, event, now);
  return effects;
}

// All ranks have ended the stage with one digest.
JournalLine StageLine(const RunState& state, const StageFinished& event) {
  const auto error = state.stage_errors.find(event.stage);
  const std::string& reason = event.end.reason;
  JournalLine line = Line(state, "stage",
                          error == state.stage_errors.end()
                              ? absl::StrCat("trained, ", state.ranks.size(), " equal replicas",
                                             reason.empty() ? "" : "; ", reason)
                              : absl::StrCat("put back: ", error->second));
  line.stage = event.stage;
  line.adapter = event.adapter;
  if (error != state.stage_errors.end()) {
    line.data_error = error->second;
  } else if (const auto end = state.stage_ends.find(event.stage); end != state.stage_ends.end()) {
    line.end = end->second;
  }
  return line;
}

Effects On(RunState& state, const StageFinished& event, Millis now) {
  Effects effects;
  RankState* rank = Find(state, event.caller, effects);
  if (rank == nullptr) return effects;
  if (event.stage >= state.spec.stages.size())
    return Refuse(Answer::kInvalid, "a stage that the plan does not have");
  if (event.end.steps_kept > StepsOf(state.spec, event.stage))
    return Refuse(Answer::kInvalid, "more steps kept than the stage has");
  rank->seen = now;
  if (!rank->finished.emplace(event.stage, event.adapter).second) return effects;
  if (event.data_error) state.stage_errors.emplace(event.stage, *event.data_error);
  // Of equal replicas the end is the same: who ends first tells it for all.
  if (!event.data_error) state.stage_ends.emplace(event.stage, event.end);
  size_t equal = 0;
  for (const RankState& other : state.ranks) {
    const auto proof = other.finished.find(event.stage);
    if (proof == other.finished.end()) continue;
    equal += proof->second == event.adapter;
    if (proof->second != event.adapter) {
      Lose(state, effects,
           absl::StrCat("the ranks' adapters differ after stage ", event.stage, " (",
                        event.caller.rank.value(), " and ", &other - state.ranks.data(),
                        "); check these machines' memory"),
           now);
      effects.answer = Answer::kAborted;
      return effects;
    }
  }
  if (equal == state.ranks.size()) effects.journal.push_back(StageLine(state, event));
  if (event.data_error && state.spec.stop_on_dataset_error) {
    End(state, effects, {Verdict::kFailed, *event.data_error, /*resumable=*/false});
    effects.answer = Answer::kAborted;
    return effects;
  }
  CommitWhenProved(state, effects, now);
  return effects;
}

Effects On(RunState& state, const CandidateArrived& event, Millis now) {
  Effects effects;
  RankState* rank = Find(state, event.caller, effects);
  if (rank == nullptr) return effects;
  if (event.caller.rank.value() != 0)
    return Refuse(Answer::kInvalid, "only rank 0 hands in the candidate");
  if (!Trains(state)) return Refuse(Answer::kInvalid, "only a training commits");
  rank->seen = now;
  if (!state.candidate) state.candidate = event.adapter;
  CommitWhenProved(state, effects, now);
  return effects;
}

Effects On(RunState& state, const ResultArrived& event, Millis) {
  Effects effects;
  if (Find(state, event.caller, effects) == nullptr) return effects;
  if (Trains(state) || event.of != state.spec.purpose || event.caller.rank.value() != 0) {
    return Refuse(Answer::kInvalid, "a result that was not asked for, or not from rank 0");
  }
  End(state, effects,
      {Verdict::kCompleted, event.of == Purpose::kEvaluate ? "evaluated" : "generated"});
  return effects;
}

Effects On(RunState& state, const RankFailed& event, Millis now) {
  Effects effects;
  if (Find(state, event.caller, effects) == nullptr) return effects;
  if (state.phase == Phase::kCommitting) return effects;
  Lose(state, effects, absl::StrCat("rank ", event.caller.rank.value(), " failed: ", event.reason),
       now, event.permanent);
  return effects;
}

Effects On(RunState& state, const GroupExited& event, Millis now) {
  Effects effects;
  if (event.attempt != state.attempt) return effects;
  if (state.phase == Phase::kLeaving) {
    state.phase = Phase::kWaiting;
    state.next_launch = std::max(state.next_launch, now);
    return effects;
  }
  // After the last proof the ranks have nothing left to give: their end no longer matters.
  if (!Live(state) || state.phase == Phase::kCommitting) return effects;
  const char* work = Trains(state) ? "the training did" : "they had given their result";
  // What no rank has survived to join is no accident of the machine.
  const bool permanent = !state.first_join && state.restarts == 0;
  Lose(state, effects, absl::StrCat("the workers ended before ", work, " (", event.how, ")"), now,
       permanent);
  return effects;
}

Effects On(RunState& state, const CheckpointDamaged& event, Millis) {
  Effects effects;
  // A live attempt has fetched what it began from.
  if (!state.checkpoint || Over(state) || Live(state)) return effects;
  const bool older = event.instead && event.instead->next < state.checkpoint->next;
  std::string words = absl::StrCat("the checkpoint before ", PlaceText(state.checkpoint->next),
                                   " can't be used: ", event.why, "; the run goes on from ",
                                   older ? PlaceText(event.instead->next) : "its beginning");
  state.checkpoint = older ? event.instead : std::nullopt;
  ReturnToCheckpoint(state);
  JournalLine line = Line(state, "damaged", words);
  line.checkpoint = state.checkpoint;
  effects.journal.push_back(std::move(line));
  effects.warnings.push_back(std::move(words));
  return effects;
}

Effects On(RunState& state, const StopAsked&, Millis now) {
  Effects effects;
  if (Over(state) || state.phase == Phase::kCommitting) return effects;
  const bool again = state.stop_asked;
  if (!again) state.stop_since = now;
  state.stop_asked = true;
  effects.journal.push_back(Line(state, "stop", again ? "asked again" : "asked"));
  // Who changes nothing has nothing to agree on: the group is ended at once.
  if (again || state.phase != Phase::kTraining || !Trains(state)) EndStopped(state, effects);
  return effects;
}

// A run whose decisions can't be kept must not go on deciding.
Effects On(RunState& state, const JournalFailed& event, Millis) {
  Effects effects;
  // A commit that is under way can't be taken back.
  if (Over(state) || (!event.decision && state.phase == Phase::kCommitting)) return effects;
  effects.answer = Answer::kAborted;
  End(state, effects, {Verdict::kFailed, event.reason});
  return effects;
}

Effects On(RunState& state, const CommitEnded& event, Millis) {
  Effects effects;
  if (state.phase != Phase::kCommitting) return effects;
  End(state, effects,
      {event.ok ? Verdict::kCompleted : Verdict::kFailed, event.reason, !event.permanent});
  return effects;
}

Effects On(RunState& state, const Tick&, Millis now) {
  Effects effects;
  if (state.phase == Phase::kWaiting && now >= state.next_launch) Launch(state, effects, now);
  if (state.phase != Phase::kJoining && state.phase != Phase::kTraining) return effects;
  if (state.stop_asked && now - state.stop_since > state.spec.stop_grace) {
    EndStopped(state, effects);
  } else if (const std::string lost = WhatIsLost(state, now); !lost.empty()) {
    Lose(state, effects, lost, now);
  }
  return effects;
}

}  // namespace

RunState NewRun(RunSpec spec) {
  RunState state;
  state.spec = std::move(spec);
  state.world = state.spec.world;
  state.ranks.resize(state.world);
  return state;
}

RunState Resumed(RunSpec spec, const std::vector<JournalLine>& journal) {
  RunState state = NewRun(std::move(spec));
  for (const JournalLine& line : journal) {
    state.attempt = std::max(state.attempt, line.attempt);
    if (line.kind == "damaged") state.checkpoint.reset();
    if (line.checkpoint && IsPlace(state.spec, line.checkpoint->next))
      state.checkpoint = line.checkpoint;
    if (!line.stage || *line.stage >= state.spec.stages.size()) continue;
    // What a later attempt says of a stage stands.
    state.stage_errors.erase(*line.stage);
    state.stage_ends.erase(*line.stage);
    if (line.data_error) state.stage_errors.emplace(*line.stage, *line.data_error);
    if (line.end) state.stage_ends.emplace(*line.stage, *line.end);
  }
  ReturnToCheckpoint(state);
  return state;
}

Effects Step(RunState& state, const Event& event, Millis now) {
  return std::visit([&](const auto& e) { return On(state, e, now); }, event);
}

}  // namespace strata
