#include "worker/train/held_out.h"

#include <chrono>
#include <numeric>

namespace strata {

HeldOut::HeldOut(const HeldOutSettings& settings, const std::vector<uint32_t>& steps)
    : settings_(settings),
      steps_(steps),
      steps_planned_(std::accumulate(steps.begin(), steps.end(), uint32_t{0})),
      stopping_(settings.patience) {}

bool HeldOut::IsDue(const StagePosition& after) const {
  if (settings_.steps == 0) return false;
  const uint32_t done = StepsUntil(steps_, after);
  if (done == steps_planned_) return true;
  return settings_.every_steps > 0 ? done % settings_.every_steps == 0
                                   : after.step + 1 == steps_[after.epoch];
}

EvaluationReport HeldOut::Evaluate(const StagePosition& after, uint32_t micro_batch_size,
                                   TrainingEngine engine) {
  const auto began = std::chrono::steady_clock::now();
  const auto fetch = [&](uint32_t step) { return engine.source.FetchHeldOut(after.stage, step); };
  const Evaluation measured = EvaluateStage(settings_.steps, micro_batch_size, engine, fetch);
  EvaluationReport report;
  report.after = after;
  report.loss = measured.loss_sum / static_cast<double>(measured.tokens);
  report.tokens = measured.tokens;
  report.best = stopping_.Take(report.loss, StepsUntil(steps_, after), engine.adapter.values_N());
  report.ends_stage = stopping_.ends_stage() && StepsUntil(steps_, after) < steps_planned_;
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return report;
}

uint32_t HeldOut::Leave(const StagePosition& last, FlatAdapter& adapter,
                        std::string* reason) const {
  return stopping_.Leave(StepsUntil(steps_, last), steps_planned_, adapter.values_N(), reason);
}

}  // namespace strata
