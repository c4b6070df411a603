#include "coordinator/cli/progress.h"

#include <cmath>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "coordinator/cli/plan_table.h"

namespace strata {
namespace {

constexpr int kBarWidth = 24;
constexpr size_t kColumns = 100;
constexpr double kLossMemory = 0.9;  // of the running mean, per step

}  // namespace

void Progress::Begin(const RunStart& start) {
  for (const StagePlan& stage : start.plan.stages) {
    stages_.push_back({stage.dataset, stage.steps, stage.total_steps()});
  }
  if (quiet_) return;
  PrintSettings(start);
  PrintPlanTable(start.plan);
  std::printf("%zu stages, %lld trainable parameters\n", stages_.size(),
              static_cast<long long>(start.trainable));
  std::fflush(stdout);
}

void Progress::PrintSettings(const RunStart& start) const {
  std::string line = "settings:";
  for (const auto& [key, value] : start.settings) {
    if (key == "tiers" || key == "datasets") continue;  // the plan shows what follows from them
    const std::string item = " " + key + "=" + value;
    if (line.size() + item.size() > kColumns) {
      std::printf("%s\n", line.c_str());
      line = "         ";
    }
    line += item;
  }
  std::printf("%s\n", line.c_str());
}

void Progress::OnTokenize(uint64_t bytes_done, uint64_t bytes_total) {
  if (!terminal_ || quiet_) return;
  std::printf("\r\033[Ktokenising: %llu of %llu MB%s",
              static_cast<unsigned long long>(bytes_done >> 20),
              static_cast<unsigned long long>(bytes_total >> 20),
              bytes_done == bytes_total ? "\r\033[K" : "");
  std::fflush(stdout);
}

void Progress::OnStep(const StepSeen& step) {
  if (quiet_ || step.stage >= stages_.size()) return;
  const Stage& stage = stages_[step.stage];
  if (step.stage != stage_) {
    End();
    stage_ = step.stage;
    tokens_ = seconds_ = 0;
    loss_ = 0;
    counted_ = 0;
  }
  tokens_ += static_cast<double>(step.tokens);
  seconds_ += step.seconds;
  if (std::isfinite(step.loss)) {
    const double weight = counted_++ == 0 ? 1 : 1 - kLossMemory;
    loss_ += weight * (step.loss - loss_);
  }
  uint32_t done = step.step + 1;
  for (uint32_t epoch = 0; epoch < step.epoch; ++epoch) done += stage.steps[epoch];
  if (terminal_) {
    DrawBar(stage, step, done);
  } else if (step.step + 1 == stage.steps[step.epoch]) {
    std::printf("%s\n",
                absl::StrFormat("stage %d/%d %s: epoch %d/%d, loss %.4f, %.0f tokens/s",
                                step.stage + 1, stages_.size(), stage.name, step.epoch + 1,
                                stage.steps.size(), loss_, seconds_ > 0 ? tokens_ / seconds_ : 0)
                    .c_str());
    std::fflush(stdout);
  }
}

void Progress::DrawBar(const Stage& stage, const StepSeen& step, uint32_t done) {
  const uint32_t filled = stage.total > 0 ? done * kBarWidth / stage.total : 0;
  std::string bar;
  for (uint32_t i = 0; i < kBarWidth; ++i) bar += i < filled ? "█" : "░";
  const double eta = done > 0 ? seconds_ / done * (stage.total - done) : 0;
  std::string name = stage.name.substr(0, 30);
  name.resize(30, ' ');
  std::printf("\r\033[K%s", absl::StrFormat("%2d/%d %s %s loss %.4f  %.0f tok/s  ETA %.0f s",
                                            step.stage + 1, stages_.size(), name, bar, loss_,
                                            seconds_ > 0 ? tokens_ / seconds_ : 0, eta)
                                .c_str());
  std::fflush(stdout);
  drawing_ = true;
}

void Progress::End() {
  if (drawing_) std::printf("\n");
  drawing_ = false;
}

}  // namespace strata
