#include "coordinator/cli/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/counted.h"
#include "coordinator/cli/plan_table.h"
#include "coordinator/cli/text_table.h"
#include "coordinator/cli/text_width.h"
#include "coordinator/config/branch_yaml.h"

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kColumns = 100;        // of the settings, where nothing bounds them
constexpr double kLossMemory = 0.9;  // of the running mean, per step
constexpr size_t kLossesKept = 64;   // more than any sparkline shows
// A terminal far away is slow, and nobody sees more.
constexpr std::chrono::milliseconds kDrawInterval{50};

}  // namespace

Progress::Progress(bool quiet) : quiet_(quiet), terminal_(Terminal::Of(fileno(stdout))) {}

void Progress::Follow(const Plan& plan) {
  std::vector<std::string> tiers;
  for (const StagePlan& stage : plan.stages) tiers.push_back(stage.tier);
  std::map<std::string, Style> styles = TierStyles(tiers);
  size_t tier_columns = 0;
  for (const std::string& tier : tiers) tier_columns = std::max(tier_columns, DisplayWidth(tier));
  for (const StagePlan& stage : plan.stages) {
    StageView view;
    view.number = stage.index + 1;
    view.count = static_cast<uint32_t>(plan.stages.size());
    view.dataset = stage.dataset;
    view.tier = stage.tier;
    view.tier_columns = tier_columns;
    view.examples = stage.examples.size();
    view.tier_style = stage.tier.empty() ? Style::kPlain : styles[stage.tier];
    view.epochs = static_cast<uint32_t>(stage.steps.size());
    view.total = stage.total_steps();
    stages_.push_back(
        {std::move(view), stage.steps,
         static_cast<double>(stage.tokens) * static_cast<double>(stage.steps.size())});
  }
}

void Progress::Begin(const RunStart& start) {
  Follow(start.plan);
  if (quiet_) return;
  PrintSettings(start);
  PrintPlanTable(start.plan, terminal_);
  std::printf("%s, %lld trainable parameters\n", Counted(stages_.size(), "stage").c_str(),
              static_cast<long long>(start.trainable));
  if (start.resumed) {
    const Position& at = *start.resumed;
    if (at.stage > 0) stage_ = at.stage - 1;
    std::printf("%s",
                Sentence(absl::StrCat("going on with the run ", start.run.value(), " from ",
                                      PlaceText(at), " (strata train --restart would drop it)"),
                         Style::kYellow, terminal_)
                    .c_str());
  }
  std::fflush(stdout);
}

void Progress::PrintSettings(const RunStart& start) const {
  std::map<std::string, std::string> defaults;
  for (const KeyInfo& key : DescribeKeys()) defaults[key.key] = key.default_value;
  std::string line = "settings:";
  bool left_out = false;
  for (const auto& [key, value] : start.settings) {
    if (key == "tiers" || key == "datasets") continue;  // the plan shows what follows from them
    if (terminal_.draws && value == defaults[key]) {
      left_out = true;
      continue;
    }
    const bool is_text = value.size() > 2 && value[0] == '"';
    absl::StrAppend(&line, " ", key, "=", is_text ? value.substr(1, value.size() - 2) : value);
  }
  if (left_out) line += " (others as by default: strata config)";
  if (terminal_.columns > 0) {
    std::printf("%s", Sentence(line, Style::kDim, terminal_).c_str());
    return;
  }
  // A log keeps each value whole, however long a path is.
  for (const std::string& words : Wrapped(Printable(line), kColumns))
    std::printf("%s\n", terminal_.Styled(Style::kDim, words).c_str());
}

void Progress::OnTokenize(uint64_t bytes_done, uint64_t bytes_total) {
  if (!terminal_.draws || quiet_ || bytes_total >> 20 == 0) return;
  std::printf("\r\033[Ktokenising: %llu of %llu MB%s",
              static_cast<unsigned long long>(bytes_done >> 20),
              static_cast<unsigned long long>(bytes_total >> 20),
              bytes_done == bytes_total ? "\r\033[K" : "");
  std::fflush(stdout);
}

void Progress::Enter(const StepSeen& first) {
  const uint32_t stage = first.stage;
  End();
  // A stage that no update was seen of says so.
  for (uint32_t i = stage_ == UINT32_MAX ? 0 : stage_ + 1; terminal_.draws && i < stage; ++i)
    std::printf("%s\n", StageEndLine(stages_[i].view, terminal_).c_str());
  stage_ = stage;
  measured_ = {};
  stages_[stage].view.done = 0;
  stages_[stage].view.losses.clear();
  stages_[stage].view.held_out_loss = std::nan("");
  stages_[stage].view.stopped_early = false;
  stage_began_ = first.time - first.seconds;
}

void Progress::Measure(const StepSeen& step) {
  measured_.tokens += static_cast<double>(step.tokens);
  measured_.seconds += step.seconds;
  ++measured_.steps;
  run_tokens_ += static_cast<double>(step.tokens);
  run_seconds_ += step.seconds;
  if (step.epoch != measured_.epoch) {
    measured_.epoch = step.epoch;
    measured_.epoch_loss = 0;
    measured_.epoch_supervised = 0;
  }
  if (step.skipped || !std::isfinite(step.loss)) return;
  const double weight = measured_.finite++ == 0 ? 1 : 1 - kLossMemory;
  measured_.mean_loss += weight * (step.loss - measured_.mean_loss);
  measured_.epoch_loss += step.loss * static_cast<double>(step.supervised);
  measured_.epoch_supervised += step.supervised;
  std::vector<double>& losses = stages_[stage_].view.losses;
  losses.push_back(step.loss);
  if (losses.size() > kLossesKept) losses.erase(losses.begin());
}

void Progress::UpdateView(const StepSeen& step, uint32_t done) {
  StageView& view = stages_[stage_].view;
  view.epoch = step.epoch + 1;
  view.done = done;
  view.loss = measured_.finite > 0 ? measured_.mean_loss : std::nan("");
  view.tokens_per_second = measured_.seconds > 0 ? measured_.tokens / measured_.seconds : 0;
  view.seconds = step.time - stage_began_;
  const double of_step =
      measured_.steps > 0 ? measured_.seconds / static_cast<double>(measured_.steps) : 0;
  view.stage_seconds_left = of_step * (view.total - done);
  double tokens_left = 0;
  for (size_t i = stage_ + 1; i < stages_.size(); ++i) tokens_left += stages_[i].tokens;
  view.run_seconds_left =
      view.stage_seconds_left + (run_tokens_ > 0 ? tokens_left * run_seconds_ / run_tokens_ : 0);
}

void Progress::MakeRoom() {
  const std::lock_guard lock(mutex_);
  Erase();
  std::fflush(stdout);
}

void Progress::OnStep(const StepSeen& step) {
  const std::lock_guard lock(mutex_);
  if (quiet_ || step.stage >= stages_.size()) return;
  const Stage& stage = stages_[step.stage];
  uint32_t done = step.step + 1;
  for (uint32_t epoch = 0; epoch < step.epoch; ++epoch) done += stage.steps[epoch];
  // Another stage; or an attempt that begins this one again.
  if (step.stage != stage_ || done <= stage.view.done) Enter(step);
  Measure(step);
  UpdateView(step, done);
  if (terminal_.draws) {
    Draw(/*at_once=*/done == stage.view.total);
  } else if (step.step + 1 == stage.steps[step.epoch]) {
    TakeEpochLoss();
    const StageView& view = stage.view;
    PrintLine(view, absl::StrFormat(": epoch %d/%d, loss %.4f, %.0f tokens/s", view.epoch,
                                    view.epochs, view.loss, view.tokens_per_second));
  }
}

void Progress::TakeEpochLoss() {
  if (measured_.epoch_supervised == 0) return;
  stages_[stage_].view.loss =
      measured_.epoch_loss / static_cast<double>(measured_.epoch_supervised);
}

void Progress::OnEvaluation(const EvaluationSeen& evaluation) {
  const std::lock_guard lock(mutex_);
  if (quiet_ || evaluation.stage != stage_) return;
  StageView& view = stages_[stage_].view;
  view.held_out_loss = evaluation.loss;
  view.stopped_early = evaluation.ends_stage;
  if (terminal_.draws) {
    if (drawing_) Draw(/*at_once=*/true);
    return;
  }
  PrintLine(view, absl::StrFormat(": update %d/%d, held-out loss %.4f%s%s", view.done, view.total,
                                  evaluation.loss, evaluation.best ? ", the least so far" : "",
                                  evaluation.ends_stage ? "; stopped early" : ""));
}

void Progress::PrintLine(const StageView& view, const std::string& end) const {
  const std::string begin = absl::StrFormat("stage %d/%d ", view.number, view.count);
  const size_t used = begin.size() + end.size();
  const size_t columns = static_cast<size_t>(terminal_.columns);
  const std::string name = Printable(view.dataset);
  std::printf("%s%s%s\n", begin.c_str(),
              columns > used ? Shortened(name, columns - used, "..").c_str() : name.c_str(),
              end.c_str());
  std::fflush(stdout);
}

void Progress::Draw(bool at_once) {
  const auto now = Clock::now();
  if (!at_once && drawing_ && now - drawn_ < kDrawInterval) return;
  drawn_ = now;
  terminal_ = Terminal::Of(fileno(stdout));
  Erase();
  const std::vector<std::string> lines = StageLines(stages_[stage_].view, terminal_);
  std::printf("%s\n%s", lines[0].c_str(), lines[1].c_str());
  std::fflush(stdout);
  drawing_ = true;
}

void Progress::Erase() {
  if (drawing_) std::printf("\033[1A\r\033[J");
  drawing_ = false;
}

void Progress::End() {
  if (!drawing_) return;
  Erase();
  TakeEpochLoss();
  std::printf("%s\n", StageEndLine(stages_[stage_].view, terminal_).c_str());
  std::fflush(stdout);
}

}  // namespace strata
