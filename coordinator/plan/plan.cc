#include "coordinator/plan/plan.h"

#include <algorithm>
#include <cmath>

#include "common/status_macros.h"
#include "coordinator/plan/pending.h"
#include "coordinator/plan/shards.h"

namespace strata {
namespace {

constexpr double kPi = 3.14159265358979323846;

// The steps of warm-up and decay, at least one of the others left.
void CountPhases(const Config& config, StagePlan* stage) {
  const uint32_t total = stage->total_steps();
  const auto share = [&](double ratio) { return static_cast<uint32_t>(std::ceil(ratio * total)); };
  const uint32_t warmup =
      config.warmup_steps > 0 ? config.warmup_steps : share(config.warmup_ratio);
  const bool warms_up = total > 0 && config.lr_scheduler_type != Schedule::kConstant;
  stage->warmup_steps = warms_up ? std::min(warmup, total - 1) : 0;
  const bool decays = config.lr_scheduler_type == Schedule::kWarmupStableDecay;
  stage->decay_steps =
      decays ? std::min(share(config.lr_decay_ratio), total - stage->warmup_steps) : 0;
}

// Rows and steps of every epoch, and the warm-up that follows from them.
void CountSteps(const Config& config, const Plan& plan, uint32_t epochs, StagePlan* stage) {
  uint32_t left = config.max_steps > 0 ? config.max_steps : UINT32_MAX;
  for (uint32_t epoch = 0; epoch < epochs && left > 0; ++epoch) {
    const std::vector<RowPlan> rows = RowsOfEpoch(plan, *stage, epoch);
    const auto steps =
        static_cast<uint32_t>((rows.size() + plan.global_batch_size - 1) / plan.global_batch_size);
    stage->steps.push_back(std::min(steps, left));
    stage->complete_epochs += stage->steps.back() == steps;
    stage->rows.push_back(
        std::min<uint64_t>(rows.size(), uint64_t{stage->steps.back()} * plan.global_batch_size));
    left -= stage->steps.back();
  }
  CountPhases(config, stage);
  stage->held_out_steps = static_cast<uint32_t>(HeldOutSteps(plan, *stage).size());
  stage->not_reached = stage->examples.size() - ReachedExamples(plan, *stage).size();
}

// What is left of the highest rate after a share `progress` of the way down.
double Decayed(RateDecay decay, double progress) {
  switch (decay) {
    case RateDecay::kCosine:
      return 0.5 * (1.0 + std::cos(kPi * progress));
    case RateDecay::kLinear:
      return 1.0 - progress;
    case RateDecay::kOneMinusSqrt:
      return 1.0 - std::sqrt(progress);
  }
  return 1.0;
}

// The share of the highest rate, `part` of the way up from the lowest.
double AboveMin(const Plan& plan, double part) {
  return part * (1.0 - plan.min_lr_rate) + plan.min_lr_rate;
}

Plan EmptyPlan(const Config& config) {
  Plan plan;
  plan.max_length = config.max_length;
  plan.global_batch_size = config.global_batch_size;
  plan.packing = config.packing;
  plan.schedule = config.lr_scheduler_type;
  plan.min_lr_rate = config.min_lr_rate;
  plan.decay = config.lr_decay_type;
  plan.seed = config.seed;
  plan.eval_steps = config.eval_steps;
  plan.early_stopping_patience = config.early_stopping_patience;
  return plan;
}

StagePlan StageFor(const Dataset& dataset, uint32_t pass) {
  StagePlan stage;
  stage.dataset = dataset.name;
  stage.tier = dataset.tier;
  stage.sha256 = dataset.sha256;
  stage.pass = pass;
  stage.learning_rate = dataset.learning_rate;
  stage.duplicates_across = dataset.duplicates_across;
  return stage;
}

Pending Untrainable(std::string reason) {
  Pending pending;
  pending.reason = std::move(reason);
  pending.is_error = true;
  return pending;
}

// What becomes of a pending dataset none of whose examples is left to be trained.
Pending NothingLeft(const StagePlan& stage) {
  const bool done = stage.already_trained > 0;
  Pending pending =
      Untrainable(done ? "no new example"
                       : "no example can be trained: too long, held out, or nothing supervised");
  pending.is_error = !done && stage.held_out == 0;
  return pending;
}

// What a rebuild goes by: it takes nothing over but what the user has excluded.
Lineage Anew(const Lineage& lineage) {
  Lineage fresh;
  fresh.current = lineage.current;
  fresh.excluded = lineage.excluded;
  return fresh;
}

}  // namespace

uint32_t StagePlan::total_steps() const {
  uint32_t total = 0;
  for (const uint32_t epoch_steps : steps) total += epoch_steps;
  return total;
}

std::vector<bool> NeedsTokens(const Config& config, const Catalog& catalog, const Lineage& lineage,
                              const PlanRequest& request) {
  const Lineage anew = Anew(lineage);
  const Lineage& gone_by = request.rebuild ? anew : lineage;
  std::vector<bool> needed;
  for (const Dataset& dataset : catalog.datasets)
    needed.push_back(PendingOf(config, dataset, gone_by, request, {}).train);
  return needed;
}

absl::StatusOr<Plan> MakePlan(const Config& config, const Catalog& catalog,
                              const TokensOfCatalog& tokens, const Lineage& of_current,
                              const PlanRequest& request) {
  RETURN_IF_ERROR(CheckRequest(catalog, request));
  const Lineage anew = Anew(of_current);
  const Lineage& lineage = request.rebuild ? anew : of_current;
  Plan plan = EmptyPlan(config);
  plan.parent = lineage.current;
  plan.rebuild = request.rebuild;
  const ExampleSet trained_prompts =
      config.val_set_size > 0 ? TrainedPrompts(catalog, lineage) : ExampleSet();
  std::vector<const Dataset*> trained;
  for (size_t i = 0; i < catalog.datasets.size(); ++i) {
    const Dataset& dataset = catalog.datasets[i];
    Pending pending = PendingOf(config, dataset, lineage, request, trained);
    StagePlan stage = StageFor(dataset, pending.pass);
    if (pending.train && !tokens[i].ok()) {
      if (config.on_dataset_error == OnDatasetError::kStop) return tokens[i].status();
      pending = Untrainable(std::string(tokens[i].status().message()));
    } else if (pending.train) {
      SelectExamples(config, lineage, {dataset, **tokens[i], pending, trained_prompts}, &stage);
      if (stage.examples.empty()) pending = NothingLeft(stage);
    }
    if (!pending.train) {
      plan.skipped.push_back({dataset.name, dataset.tier, pending.reason, pending.is_error});
      continue;
    }
    stage.index = static_cast<uint32_t>(plan.stages.size());
    CountSteps(config, plan, dataset.num_train_epochs, &stage);
    plan.stages.push_back(std::move(stage));
    trained.push_back(&dataset);
  }
  return plan;
}

Plan PlanOfDataset(const Config& config, const Dataset& dataset, const DatasetTokens& tokens,
                   uint32_t pass) {
  Plan plan = EmptyPlan(config);
  StagePlan stage = StageFor(dataset, pass);
  Config all = config;
  all.val_set_size = 0;
  SelectExamples(all, Lineage(), {dataset, tokens, Pending{}, ExampleSet()}, &stage);
  CountSteps(config, plan, dataset.num_train_epochs, &stage);
  plan.stages.push_back(std::move(stage));
  return plan;
}

double LearningRateAt(const Plan& plan, const StagePlan& stage, uint32_t step) {
  const double warmup = stage.warmup_steps, total = stage.total_steps();
  if (step < stage.warmup_steps) {
    const double risen = (step + 1) / warmup;
    const bool from_min = plan.schedule == Schedule::kWarmupStableDecay;
    return stage.learning_rate * (from_min ? AboveMin(plan, risen) : risen);
  }
  const double progress = (step - warmup) / std::max(1.0, total - warmup);
  switch (plan.schedule) {
    case Schedule::kCosine:
      return stage.learning_rate * Decayed(RateDecay::kCosine, progress);
    case Schedule::kLinear:
      return stage.learning_rate * Decayed(RateDecay::kLinear, progress);
    case Schedule::kCosineWithMinLr:
      return stage.learning_rate * AboveMin(plan, Decayed(RateDecay::kCosine, progress));
    case Schedule::kWarmupStableDecay: {
      const double decay = stage.decay_steps, stable_end = total - decay;
      if (step < stable_end) return stage.learning_rate;
      return stage.learning_rate * AboveMin(plan, Decayed(plan.decay, (step - stable_end) / decay));
    }
    case Schedule::kConstant:
    case Schedule::kConstantWithWarmup:
      return stage.learning_rate;
  }
  return stage.learning_rate;
}

}  // namespace strata
