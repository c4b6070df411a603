#include "tests/coordinator/core/simulated_coordinator.h"

#include "absl/strings/str_cat.h"
#include "tests/coordinator/core/scenario_line.h"

namespace strata {

void SimulatedCoordinator::Start() {
  alive_ = true;
  std::vector<JournalLine> lines;
  std::optional<Checkpoint> counting;
  std::string lost;
  for (JournalLine line : world_.disk.journal) {
    if (line.checkpoint && world_.disk.Whole(*line.checkpoint) == nullptr) {
      absl::StrAppend(&lost, lost.empty() ? "" : ",", PlaceWord(line.checkpoint->next), "@",
                      line.checkpoint->attempt.value());
      line.checkpoint.reset();
    }
    if (line.checkpoint) counted_.push_back(*line.checkpoint);
    if (line.checkpoint) counting = line.checkpoint;
    lines.push_back(std::move(line));
  }
  if (world_.trace && !lines.empty())
    world_.trace(absl::StrCat("crash", lost.empty() ? "" : " without=" + lost));
  state_ = Resumed(world_.plan.spec, lines);
  synced_ = state_.recorded;
  world_.disk.RemoveBut(counted_);
  world_.watch.Begin(state_, counting);
  Submit(Started{});
  TickOn();
}

void SimulatedCoordinator::TickOn() {
  world_.clock.After(900 + world_.draw.Below(200), [this] {
    if (!alive_ || verdict_) return;
    Submit(Tick{});
    TickOn();
  });
}

bool SimulatedCoordinator::Dies(CrashPoint point) {
  if (world_.armed.crash != point) return false;
  world_.armed.crash.reset();
  Crash();
  return true;
}

void SimulatedCoordinator::Crash() {
  if (!alive_) return;
  alive_ = false;
  // What no line of the journal has vouched for may be lost.
  if (world_.draw.Percent(50)) world_.disk.ForgetStepsFrom(synced_);
  if (world_.trace && unkept_ > 0) world_.trace(absl::StrCat("unkept ", unkept_));
  world_.host.CoordinatorEnded();
}

bool SimulatedCoordinator::Keep(const std::vector<JournalLine>& lines, size_t* kept, bool* failed) {
  unkept_ = lines.size();
  if (!lines.empty() && Dies(CrashPoint::kBeforeLine)) return false;
  for (*kept = 0; *kept < lines.size(); ++*kept) {
    if (*kept == 1 && Dies(CrashPoint::kBetweenLines)) return false;
    if (world_.armed.journal_lines > 0) {
      --world_.armed.journal_lines;
      *failed = true;
      return true;
    }
    // The steps before a checkpoint are synced before its line.
    if (lines[*kept].checkpoint) synced_ = lines[*kept].checkpoint->next;
    world_.disk.journal.push_back(lines[*kept]);
    --unkept_;
  }
  return lines.empty() || !Dies(CrashPoint::kAfterLines);
}

std::optional<Answer> SimulatedCoordinator::Submit(const Event& event) {
  if (!alive_) return std::nullopt;
  const Millis now(world_.clock.now());
  if (world_.trace) {
    world_.trace(absl::StrCat("at ", now.count()));
    world_.trace(ScenarioLine(event, now));
  }
  world_.watch.SetGroupLives(world_.host.GroupLives());
  Effects effects = world_.watch.Take(state_, event, now);
  size_t kept = 0;
  bool failed = false;
  if (!Keep(effects.journal, &kept, &failed)) return std::nullopt;
  // As the run's driver: a verdict stands, whether its line could be kept or not.
  if (failed && world_.trace) world_.trace(absl::StrCat("unkept ", effects.journal.size() - kept));
  if (failed && !effects.verdict) {
    if (world_.trace) world_.trace("journal-failed disk-full");
    effects = world_.watch.Take(state_, JournalFailed{"disk-full"}, now);
    if (world_.trace) world_.trace(absl::StrCat("unkept ", effects.journal.size()));
  }
  unkept_ = 0;
  if (!CarryOut(event, effects)) return std::nullopt;
  return effects.answer;
}

bool SimulatedCoordinator::CarryOut(const Event& event, const Effects& effects) {
  Record(event, effects);
  if (effects.checkpoint) {
    counted_.push_back(*state_.checkpoint);
    if (counted_.size() > 2) counted_.erase(counted_.begin());
    world_.disk.RemoveBut(counted_);
  }
  if (effects.launch) {
    launched_from_ = state_.checkpoint;
    world_.disk.ForgetStepsFrom(state_.recorded);
    world_.watch.Launches(*effects.launch);
    world_.host.StartGroup(*effects.launch, state_.world);
  }
  if (!effects.journal.empty() && Dies(CrashPoint::kBetweenEffects)) return false;
  if (effects.commit) {
    world_.clock.After(20 + world_.draw.Below(3'000), [this] { Commit(); });
  }
  if (effects.verdict && !verdict_) {
    verdict_ = effects.verdict;
    Conclude();
  } else if (state_.phase == Phase::kLeaving && effects.end_group) {
    world_.host.EndGroup(world_.draw.Below(5'000));
  }
  return true;
}

void SimulatedCoordinator::Record(const Event& event, const Effects& effects) {
  if (!effects.record_step) return;
  const auto* step = std::get_if<StepDone>(&event);
  if (step == nullptr) return world_.watch.Says("a step is recorded that was not told");
  if (!world_.disk.steps.insert(step->position).second)
    world_.watch.Says("a step was recorded twice");
}

void SimulatedCoordinator::Commit() {
  if (!alive_) return;
  // A commit that nobody waits for any more still happens.
  ArmedFaults& armed = world_.armed;
  if (armed.commits_refused > 0) {
    --armed.commits_refused;
    Submit(CommitEnded{false, "not-finite", /*permanent=*/true});
  } else if (armed.commits_failed > 0) {
    --armed.commits_failed;
    Submit(CommitEnded{false, "disk-full"});
  } else {
    const Digest adapter = state_.candidate.value_or(Digest{});
    world_.watch.Commits(state_, adapter);
    if (verdict_) world_.watch.Says("a version is made after the verdict");
    world_.disk.versions.push_back(adapter);
    world_.clock.After(world_.draw.Below(500), [this] { EndCommit(); });
  }
}

void SimulatedCoordinator::EndCommit() {
  if (alive_) Submit(CommitEnded{true, "v0001"});
}

void SimulatedCoordinator::Conclude() {
  // Who has done all is given time to leave.
  const int64_t patience = *verdict_ == Verdict::kCompleted ? 5'000 : 0;
  world_.host.EndGroup(patience + world_.draw.Below(5'000));
}

void SimulatedCoordinator::Leave() {
  if (!alive_ || !verdict_) return;
  alive_ = false;
  world_.host.CoordinatorEnded();
}

}  // namespace strata
