#include "coordinator/observe/run_figures.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>

namespace strata {
namespace {

constexpr size_t kFirstEnd = 4;  // in kRunStates

Json NumberOrNull(double number) { return std::isfinite(number) ? Json(number) : Json(); }

std::string EndOf(Verdict verdict, bool errors) {
  if (verdict == Verdict::kInterrupted) return "interrupted";
  if (verdict == Verdict::kFailed) return "failed";
  return errors ? "partial" : "completed";
}

}  // namespace

bool RunFigures::ended() const {
  return std::find(std::begin(kRunStates) + kFirstEnd, std::end(kRunStates), state) !=
         std::end(kRunStates);
}

RunTally::RunTally(const Plan& plan, const std::optional<Position>& resumed) : numbers_(plan) {
  figures_.stages = static_cast<uint32_t>(plan.stages.size());
  figures_.steps_planned = numbers_.total();
  if (resumed) figures_.steps_done = numbers_.Before(*resumed);
  for (const SkippedDataset& skipped : plan.skipped) has_errors_ |= skipped.is_error;
}

void RunTally::Take(const TimedNews& news) {
  const double time = std::chrono::duration<double>(news.time.time_since_epoch()).count();
  if (const auto* step = std::get_if<StepSeen>(&news.news)) {
    Take(*step);
  } else if (const auto* evaluation = std::get_if<EvaluationSeen>(&news.news)) {
    Take(*evaluation);
  } else if (const auto* line = std::get_if<JournalLine>(&news.news)) {
    Take(*line, time);
  } else if (const auto* checkpoint = std::get_if<CheckpointSeen>(&news.news)) {
    figures_.checkpoint_bytes = checkpoint->bytes;
  } else if (const auto* commit = std::get_if<CommitSeen>(&news.news)) {
    figures_.version = commit->version;
    figures_.parked = commit->parked;
    figures_.commit_time = time;
  } else if (const auto* end = std::get_if<RunEndSeen>(&news.news)) {
    figures_.state = end->status;
    figures_.reason = end->reason;
    figures_.ranks = 0;
  } else {
    ++figures_.warnings;
  }
}

void RunTally::Take(const StepSeen& step) {
  if (figures_.state == "starting") figures_.state = "training";
  figures_.dataset = step.dataset;
  figures_.stage = step.stage + 1;
  figures_.epoch = step.epoch + 1;
  figures_.steps_done = numbers_.Before({step.stage, step.epoch, step.step}) + 1;
  figures_.loss = step.loss;
  figures_.learning_rate = step.learning_rate;
  figures_.grad_norm = step.grad_norm;
  figures_.step_seconds = step.seconds;
  figures_.tokens_per_second =
      step.seconds > 0 ? static_cast<double>(step.tokens) / step.seconds : RunFigures::kNone;
  figures_.step_time = step.time;
  ++figures_.steps;
  figures_.skipped_steps += step.skipped;
  figures_.tokens += step.tokens;
  if (std::isfinite(step.seconds)) figures_.training_seconds += step.seconds;
}

void RunTally::Take(const EvaluationSeen& evaluation) {
  ++figures_.evaluations;
  figures_.eval_loss = evaluation.loss;
}

void RunTally::Take(const JournalLine& line, double time) {
  figures_.attempt = std::max(figures_.attempt, line.attempt.value());
  if (line.stage && line.data_error) failed_stages_.insert(*line.stage);
  if (line.stage && line.end) failed_stages_.erase(*line.stage);
  if (line.kind == "attempt" || line.kind == "lost") figures_.ranks = 0;
  if (line.kind == "attempt") figures_.state = "starting", figures_.reason.clear();
  if (line.kind == "joined") ++figures_.ranks;
  if (line.kind == "lost") ++figures_.restarts;
  if (line.kind == "stop") figures_.state = "stopping";
  if (line.kind == "proved") figures_.state = "committing";
  if (line.kind == "checkpoint") {
    ++figures_.checkpoints;
    figures_.checkpoint_time = time;
  }
  if (line.kind == "ended" || line.kind == "dropped") End(line);
}

// An older strata did not write the verdict: of an end that nothing goes on from, only the words
// tell which it was.
void RunTally::End(const JournalLine& line) {
  const bool goes_on = line.resumable.value_or(false);
  figures_.ranks = 0;
  figures_.reason = line.words;
  figures_.state = line.verdict ? EndOf(*line.verdict, has_errors_ || !failed_stages_.empty())
                   : goes_on || line.kind == "dropped" ? "interrupted"
                   : line.words.empty()                ? "completed"
                                                       : "failed";
}

Json FiguresJson(const RunFigures& figures) {
  return {{"state", figures.state},
          {"reason", figures.reason},
          {"attempt", figures.attempt},
          {"ranks", figures.ranks},
          {"stage", figures.stage},
          {"stages", figures.stages},
          {"dataset", figures.dataset},
          {"epoch", figures.epoch},
          {"steps_done", figures.steps_done},
          {"steps_planned", figures.steps_planned},
          {"loss", NumberOrNull(figures.loss)},
          {"learning_rate", NumberOrNull(figures.learning_rate)},
          {"grad_norm", NumberOrNull(figures.grad_norm)},
          {"eval_loss", NumberOrNull(figures.eval_loss)},
          {"step_seconds", NumberOrNull(figures.step_seconds)},
          {"tokens_per_second", NumberOrNull(figures.tokens_per_second)},
          {"tokens", figures.tokens},
          {"restarts", figures.restarts},
          {"checkpoints", figures.checkpoints},
          {"evaluations", figures.evaluations}};
}

}  // namespace strata
