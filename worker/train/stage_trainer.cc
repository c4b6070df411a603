#include "worker/train/stage_trainer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

#include "worker/train/micro_batch.h"
#include "worker/train/split_sum.h"

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;

// Leaves the gradients of this rank's share in the adapter; gives its summed loss. The device is
// waited for once, at the end.
double Accumulate(const StageSettings& settings, const Decoder& decoder, FlatAdapter& adapter,
                  const StagePosition& position, const StepWork& work) {
  const TrainingPass pass{StepDropoutKey(settings.dropout_key, position.epoch, position.step),
                          settings.neftune_noise_alpha, settings.gradient_checkpointing};
  at::Tensor nll_sum = at::zeros({}, at::dtype(at::kDouble).device(adapter.device()));
  for (const PackedTokens& tokens : MicroBatches(work.rows, settings.micro_batch_size)) {
    if (tokens.targets.empty()) continue;
    const at::Tensor nll = decoder.NllSum(tokens, adapter.leaves(), pass);
    const at::Tensor loss = nll / static_cast<double>(work.step_supervised_tokens);
    if (loss.requires_grad()) loss.backward();
    nll_sum.add_(nll.detach());
  }
  return nll_sum.item<double>();
}

// What all ranks know after the step's one reduction.
struct Reduced {
  double loss = 0, grad_norm = 0;
  bool finite = true, stop = false;
};

Reduced Reduce(FlatAdapter& adapter, Collective& collective, const StepWork& work, double nll_sum,
               bool stop) {
  const SplitSum split = Split(nll_sum);
  const bool finite = std::isfinite(nll_sum);
  const float words[FlatAdapter::kControlWords] = {finite ? split.high : 0, finite ? split.low : 0,
                                                   finite ? 0.0f : 1.0f, stop ? 1.0f : 0.0f};
  adapter.control_words().copy_(at::tensor(at::ArrayRef<float>(words), at::kFloat));
  collective.SumInPlace(adapter.reduced_M());

  const at::Tensor sums = adapter.control_words().to(at::kCPU);
  const float* sum = sums.const_data_ptr<float>();
  Reduced reduced;
  reduced.grad_norm = GradientNorm(adapter.gradients_N());
  reduced.loss = Joined({sum[0], sum[1]}) /
                 static_cast<double>(std::max<int64_t>(work.step_supervised_tokens, 1));
  reduced.finite = sum[2] == 0 && std::isfinite(reduced.grad_norm) && std::isfinite(reduced.loss);
  reduced.stop = sum[3] > 0;
  if (sum[2] != 0) reduced.loss = std::nan("");
  return reduced;
}

StepReport ReportOf(const StagePosition& position, const StepWork& work, const Reduced& reduced,
                    Clock::time_point began) {
  StepReport report;
  report.position = position;
  report.loss = reduced.loss;
  report.learning_rate = work.learning_rate;
  report.grad_norm = reduced.grad_norm;
  report.tokens = work.step_tokens;
  report.seconds = std::chrono::duration<double>(Clock::now() - began).count();
  report.skipped = !reduced.finite;
  return report;
}

}  // namespace

StageResult TrainStage(const StageSettings& settings, Decoder& decoder, FlatAdapter& adapter,
                       StepSource& source, Collective& collective, TrainingObserver& observer) {
  const std::vector<float> before = adapter.Values();
  AdamW adamw(settings.adamw, adapter.layout(), adapter.values_N());
  LossWatchdog watchdog(settings.watchdog);
  HeldOut held_out(settings.held_out, settings.steps);
  StagePosition position{settings.index, 0, 0};
  for (uint32_t epoch = 0; epoch < settings.steps.size() && !held_out.ends_stage(); ++epoch) {
    for (uint32_t step = 0; step < settings.steps[epoch] && !held_out.ends_stage(); ++step) {
      const Clock::time_point began = Clock::now();
      position = {settings.index, epoch, step};
      const bool stop = observer.StopRequested();
      const StepWork work = source.Fetch(position);

      adapter.gradients_N().zero_();
      const double nll_sum = Accumulate(settings, decoder, adapter, position, work);
      const Reduced reduced = Reduce(adapter, collective, work, nll_sum, stop);
      if (reduced.finite) {
        adamw.Update(adapter.values_N(), adapter.gradients_N(), reduced.grad_norm,
                     work.learning_rate);
      }
      const StepReport report = ReportOf(position, work, reduced, began);
      observer.OnStep(report);

      const std::string fault = watchdog.Judge(report, step + 1 == settings.steps[epoch]);
      if (!fault.empty()) {
        adapter.Load(before);
        return {.end = StageEnd::kDataError, .error = fault};
      }
      if (reduced.stop) return {.end = StageEnd::kStopped};
      if (held_out.IsDue(position)) {
        observer.OnEvaluation(held_out.Evaluate(position, settings.micro_batch_size, decoder,
                                                adapter, source, collective));
      }
    }
  }
  StageResult result;
  result.steps_kept = held_out.Leave(position, adapter, &result.reason);
  return result;
}

}  // namespace strata
