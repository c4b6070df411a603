#include "worker/train/stage_trainer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

#include "worker/train/micro_batch.h"
#include "worker/train/split_sum.h"
#include "worker/train/stage_progress.h"

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

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

// What a rank wishes after the step; what one wishes, all do.
struct Wishes {
  bool stop = false, checkpoint = false;
};

// What all ranks know after the step's one reduction.
struct Reduced {
  double loss = 0, grad_norm = 0;
  double seconds = 0;  // in the all-reduce
  bool finite = true;
  Wishes wishes;
};

Reduced Reduce(FlatAdapter& adapter, Collective& collective, const StepWork& work, double nll_sum,
               const Wishes& wishes) {
  const SplitSum split = Split(nll_sum);
  const bool finite = std::isfinite(nll_sum);
  const float words[FlatAdapter::kControlWords] = {finite ? split.high : 0, finite ? split.low : 0,
                                                   finite ? 0.0f : 1.0f, wishes.stop ? 1.0f : 0.0f,
                                                   wishes.checkpoint ? 1.0f : 0.0f};
  adapter.control_words().copy_(at::tensor(at::ArrayRef<float>(words), at::kFloat));
  // The device has ended what came before: the loss was read.
  const Clock::time_point began = Clock::now();
  collective.SumInPlace(adapter.reduced_M());
  const at::Tensor sums = adapter.control_words().to(at::kCPU);
  const float* sum = sums.const_data_ptr<float>();
  Reduced reduced;
  reduced.seconds = SecondsSince(began);
  reduced.grad_norm = GradientNorm(adapter.gradients_N());
  reduced.loss = Joined({sum[0], sum[1]}) /
                 static_cast<double>(std::max<int64_t>(work.step_supervised_tokens, 1));
  reduced.finite = sum[2] == 0 && std::isfinite(reduced.grad_norm) && std::isfinite(reduced.loss);
  reduced.wishes = {sum[3] > 0, sum[4] > 0};
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
  report.seconds = SecondsSince(began);
  report.reduce_seconds = reduced.seconds;
  report.skipped = !reduced.finite;
  return report;
}

// What comes of a step, the same on every rank.
struct StepOutcome {
  std::string fault;  // that ends the stage; ""
  Wishes wishes;
};

// Fetches, computes, reduces and updates.
StepOutcome DoStep(const StageSettings& settings, const StagePosition& position,
                   TrainingEngine& engine, TrainingObserver& observer, StageProgress& progress) {
  const Clock::time_point began = Clock::now();
  const bool last = position.epoch + 1 == settings.steps.size() &&
                    position.step + 1 == settings.steps[position.epoch];
  const Wishes wishes{observer.StopRequested(), observer.CheckpointDue(position, last)};
  const StepWork work = engine.source.Fetch(position);

  FlatAdapter& adapter = engine.adapter;
  adapter.gradients_N().zero_();
  const double nll_sum = Accumulate(settings, engine.decoder, adapter, position, work);
  const Reduced reduced = Reduce(adapter, engine.collective, work, nll_sum, wishes);
  if (reduced.finite) {
    progress.adamw.Update(adapter.values_N(), adapter.gradients_N(), reduced.grad_norm,
                          work.learning_rate);
  }
  const StepReport report = ReportOf(position, work, reduced, began);
  observer.OnStep(report);
  const bool epoch_ends = position.step + 1 == settings.steps[position.epoch];
  return {progress.watchdog.Judge(report, epoch_ends), reduced.wishes};
}

}  // namespace

StageResult TrainStage(const StageSettings& settings, TrainingEngine engine,
                       TrainingObserver& observer, const TrainState* resume) {
  StageProgress progress(settings, engine.adapter);
  const auto evaluate = [&](const StagePosition& after) {
    observer.OnEvaluation(progress.held_out.Evaluate(after, settings.micro_batch_size, engine));
  };
  StagePosition done{settings.index, 0, 0}, next = done;
  if (resume != nullptr) {
    progress.Restore(*resume, engine.adapter);
    next = {settings.index, resume->header.epoch, resume->header.step};
    done = {settings.index, next.epoch, next.step - 1};
    if (resume->header.evaluation_due) evaluate(done);
  }
  for (; next.epoch < settings.steps.size(); ++next.epoch, next.step = 0) {
    for (; next.step < settings.steps[next.epoch] && !progress.held_out.ends_stage(); ++next.step) {
      const StepOutcome outcome = DoStep(settings, next, engine, observer, progress);
      done = next;
      if (!outcome.fault.empty()) {
        progress.Undo(engine.adapter);
        return {.end = StageEnd::kDataError, .error = outcome.fault};
      }
      const bool evaluation_due = progress.held_out.IsDue(done);
      if (outcome.wishes.stop) {
        observer.OnCheckpoint(progress.Save(done, engine.adapter, evaluation_due));
        return {.end = StageEnd::kStopped};
      }
      if (evaluation_due) evaluate(done);
      if (outcome.wishes.checkpoint)
        observer.OnCheckpoint(progress.Save(done, engine.adapter, /*evaluation_due=*/false));
    }
  }
  StageResult result;
  result.steps_kept = progress.held_out.Leave(done, engine.adapter, &result.reason);
  return result;
}

}  // namespace strata
