#include "tests/coordinator/core/core_watch.h"

#include <algorithm>
#include <functional>

namespace strata {
namespace {

uint64_t Number(const std::string& text) { return std::hash<std::string>()(text); }
uint64_t Number(const Position& at) { return Mix(Mix(at.stage, at.epoch), at.step); }

uint64_t Number(const std::optional<Checkpoint>& checkpoint) {
  if (!checkpoint) return 0;
  return Mix(Mix(Number(checkpoint->next), checkpoint->attempt.value()),
             checkpoint->state.Prefix64());
}

uint64_t Number(const RankState& rank) {
  uint64_t hash = Mix(Number(rank.incarnation), Number(rank.seat.host));
  hash = Mix(hash, static_cast<uint64_t>(rank.seen.count()));
  hash = Mix(hash, static_cast<uint64_t>(rank.headway_at.count()));
  hash = Mix(hash, Number(rank.position));
  hash = Mix(hash, rank.progress.headway * 2 + rank.progress.in_collective);
  for (const auto& [stage, digest] : rank.finished) hash = Mix(hash, stage + digest.Prefix64());
  return Mix(hash, Number(rank.proof) + rank.straggles);
}

bool HasLine(const Effects& effects, const char* kind) {
  return std::any_of(effects.journal.begin(), effects.journal.end(),
                     [&](const JournalLine& line) { return line.kind == kind; });
}

bool IsEmpty(const Effects& effects) {
  return effects.journal.empty() && !effects.record_step && !effects.record_evaluation &&
         !effects.checkpoint && !effects.launch && !effects.end_group && !effects.commit &&
         effects.warnings.empty() && !effects.verdict;
}

std::optional<Verdict> VerdictOf(Fate fate) {
  if (fate == Fate::kCompleted) return Verdict::kCompleted;
  if (fate == Fate::kFailed) return Verdict::kFailed;
  if (fate == Fate::kInterrupted) return Verdict::kInterrupted;
  return std::nullopt;
}

}  // namespace

uint64_t Fingerprint(const RunState& state) {
  uint64_t hash = Mix(static_cast<uint64_t>(state.phase), state.attempt.value());
  hash = Mix(hash, static_cast<uint64_t>(state.world) * 2 + state.stop_asked);
  hash = Mix(hash, static_cast<uint64_t>(state.first_join.value_or(Millis(-1)).count()));
  hash = Mix(hash, Number(state.recorded));
  hash = Mix(hash, Number(state.evaluated));
  hash = Mix(hash, Number(state.checkpoint));
  hash = Mix(hash, state.restarts);
  hash = Mix(hash, static_cast<uint64_t>(state.next_launch.count() + state.stop_since.count()));
  for (const auto& [stage, error] : state.stage_errors) hash = Mix(hash, stage + Number(error));
  for (const auto& [stage, end] : state.stage_ends) hash = Mix(hash, stage + end.steps_kept);
  hash = Mix(hash, state.candidate ? state.candidate->Prefix64() : 0);
  for (const RankState& rank : state.ranks) hash = Mix(hash, Number(rank));
  return hash;
}

void CoreWatch::Begin(const RunState& state, const std::optional<Checkpoint>& counting) {
  AttemptId last;
  for (const JournalLine& line : disk_.journal) last = std::max(last, line.attempt);
  oracle_.emplace(plan_, counting, last);
  Demand(state.attempt == last, "a run that is taken up counts its attempts on");
  Demand(state.checkpoint == counting, "a run is taken up from its last whole checkpoint");
  Demand(state.phase == Phase::kIdle && state.world == plan_.spec.world && !state.stop_asked &&
             state.restarts == 0,
         "a run that is taken up is ready to be started");
}

Effects CoreWatch::Take(RunState& state, const Event& event, Millis now) {
  const Duty duty = oracle_->Take(event, now);
  const uint64_t before = duty.foreign ? Fingerprint(state) : 0;
  Effects effects = Step(state, event, now);
  if (duty.foreign) {
    Demand(Fingerprint(state) == before, "a foreign message changes nothing");
    Demand(IsEmpty(effects), "a foreign message has no effects");
  }
  CheckAnswer(event, effects, duty);
  CheckEffects(state, effects, duty);
  CheckFate(state, effects, duty);
  CheckLines(state, effects, duty);
  if (effects.launch) CheckLaunch(state, effects);
  if (effects.checkpoint) CheckCheckpoint(state);
  return effects;
}

void CoreWatch::CheckAnswer(const Event& event, const Effects& effects, const Duty& duty) {
  const bool message = std::visit(
      [](const auto& e) {
        return requires { e.caller; };
      },
      event);
  const bool refused = effects.answer == Answer::kAborted || effects.answer == Answer::kInvalid;
  if (duty.foreign && message) {
    Demand(refused, "a foreign message is refused");
    Demand(!effects.why.empty(), "who is refused is told why");
  }
  if (duty.answer) Demand(effects.answer == *duty.answer, "a rank is told to go on, or to stop");
  if (!duty.foreign && message && duty.fate == Fate::kGoesOn)
    Demand(!refused, "a rank of the live attempt is heard");
}

void CoreWatch::CheckEffects(const RunState& state, const Effects& effects, const Duty& duty) {
  Demand(effects.launch.has_value() == duty.launch, "an attempt begins when it is due");
  Demand(effects.checkpoint == duty.checkpoint, "a checkpoint counts when all ranks proved it");
  Demand(effects.commit == duty.commit, "a commit is asked for when the candidate is proved");
  Demand(effects.record_step == duty.record_step, "a step is recorded once");
  Demand(effects.record_evaluation == duty.record_evaluation, "an evaluation is recorded once");
  Demand(HasLine(effects, "straggler") == duty.straggler, "who is slow is said to straggle, once");
  Demand(state.checkpoint == oracle_->counting(), "the checkpoint that counts stands");
  Demand(state.world == oracle_->world(), "as many ranks as can be had");
  Demand(state.attempt == oracle_->attempt(), "the attempt is the one that was launched");
}

void CoreWatch::CheckFate(const RunState& state, const Effects& effects, const Duty& duty) {
  Demand(effects.verdict == VerdictOf(duty.fate), "a verdict comes when and as it must");
  const bool lost = HasLine(effects, "lost");
  Demand(lost == (duty.fate == Fate::kLost), "an attempt is lost only when it must be");
  if (lost) {
    Demand(effects.end_group && !effects.why.empty(), "a lost attempt's group is ended");
    Demand(!effects.warnings.empty(), "a lost attempt is said");
  }
  const bool over = oracle_->phase() == CoreOracle::Phase::kOver;
  Demand((state.phase == Phase::kEnded) == over, "what is over stays over");
  Demand(static_cast<int>(state.phase) == static_cast<int>(oracle_->phase()),
         "the run is where its events have brought it");
  if (!effects.verdict) {
    Demand(lost || !effects.end_group, "a group that is needed is left alone");
    return;
  }
  Demand(!effects.why.empty(), "a verdict has a reason");
  Demand(effects.end_group || !group_lives_, "a verdict ends the group");
  Demand(*effects.verdict == Verdict::kCompleted || disk_.versions.empty(),
         "a committed run is completed");
}

void CoreWatch::CheckLines(const RunState& state, const Effects& effects, const Duty& duty) {
  for (const JournalLine& line : effects.journal) {
    Demand(line.attempt == state.attempt, "a line tells its attempt");
    if (line.kind == "stage") {
      Demand(duty.stage && line.stage == duty.stage, "a stage ends once all ranks ended it");
      CheckStageLine(line);
    }
    if (line.kind == "ended") {
      Demand(line.resumable == duty.resumable, "it is said whether a run can be gone on with");
      Demand(line.words == effects.why, "the journal has the verdict's reason");
    }
    Demand(!line.checkpoint || (effects.checkpoint && line.checkpoint == state.checkpoint),
           "a checkpoint's line is of the one that counts");
    Demand(line.checkpoint || line.kind != "checkpoint", "a checkpoint's line tells it");
    if (line.kind == "proved") Demand(line.adapter == state.candidate, "what is proved is told");
  }
  Demand(HasLine(effects, "stage") == duty.stage.has_value(), "a stage's end is journaled");
  Demand(HasLine(effects, "ended") == effects.verdict.has_value(), "a verdict is journaled");
  Demand(HasLine(effects, "checkpoint") == effects.checkpoint, "a checkpoint is journaled");
  Demand(HasLine(effects, "proved") == effects.commit, "a commit is journaled before it");
  Demand(HasLine(effects, "attempt") == effects.launch.has_value(), "an attempt is journaled");
}

void CoreWatch::CheckStageLine(const JournalLine& line) {
  if (!line.stage || !line.adapter) return Says("a stage's line has its adapter");
  const StageOutcome& expected = training_.outcomes()[*line.stage];
  Demand(*line.adapter == training_.adapters()[*line.stage],
         "a stage's adapter is that of an unbroken training");
  Demand(line.data_error == expected.data_error, "bad data are told in the stage's line");
  Demand(expected.data_error ? !line.end : line.end == expected.end, "a stage's line has its end");
}

void CoreWatch::CheckLaunch(const RunState& state, const Effects& effects) {
  Demand(!group_lives_, "one attempt is live at most");
  Demand(*effects.launch == state.attempt && launched_ < *effects.launch,
         "each attempt has a new number");
  const Position place = oracle_->place();
  Demand(state.recorded == place && state.evaluated == place,
         "an attempt begins at the checkpoint that counts");
  Demand(!state.candidate, "an attempt begins without a candidate");
  Demand(static_cast<int>(state.ranks.size()) == state.world, "each rank has its state");
  // Of the stages before it everything is known, of the others nothing.
  for (uint32_t stage = 0; stage < plan_.spec.stages.size(); ++stage) {
    const StageOutcome& expected = training_.outcomes()[stage];
    const bool failed = stage < place.stage && expected.data_error;
    const bool trained = stage < place.stage && !expected.data_error;
    Demand(state.stage_errors.count(stage) == static_cast<size_t>(failed) &&
               state.stage_ends.count(stage) == static_cast<size_t>(trained),
           "an attempt knows the stages before it");
  }
}

void CoreWatch::CheckCheckpoint(const RunState& state) {
  if (!state.checkpoint) return Says("a checkpoint counts that is none");
  Demand(disk_.WasWritten(*state.checkpoint), "what counts was durable before");
  const auto expected = training_.states().find(state.checkpoint->next);
  Demand(expected != training_.states().end() && expected->second == state.checkpoint->state,
         "what counts is a state of an unbroken training");
}

void CoreWatch::Commits(const RunState& state, const Digest& adapter) {
  Demand(disk_.versions.empty(), "a run commits once");
  Demand(adapter == training_.adapters().back(), "what is committed is the plan's adapter");
  for (uint32_t stage = 0; stage < plan_.spec.stages.size(); ++stage) {
    const StageOutcome& expected = training_.outcomes()[stage];
    const auto error = state.stage_errors.find(stage);
    const auto end = state.stage_ends.find(stage);
    Demand(expected.data_error.has_value() == (error != state.stage_errors.end()),
           "what was put back is known at the commit");
    Demand(expected.data_error || (end != state.stage_ends.end() && end->second == expected.end),
           "how far each stage went is known at the commit");
  }
  Demand(plan_.pipelined || disk_.steps == training_.steps(),
         "each step of the plan is recorded once");
}

}  // namespace strata
