// Goal: the rate of every step is transformers', but that the first warm-up step is not 0.
// Method: the formulas of get_cosine_schedule_with_warmup and get_linear_schedule_with_warmup with
// their defaults, beside ours.
#include <cmath>

#include "gtest/gtest.h"
#include "tests/coordinator/plan/planned_branch.h"

namespace strata {
namespace {

constexpr double kPeak = 2e-4;

Plan PlanOf(Schedule schedule, uint32_t steps, uint32_t warmup) {
  Plan plan;
  plan.schedule = schedule;
  plan.stages.resize(1);
  plan.stages[0].steps = {steps / 2, steps - steps / 2};
  plan.stages[0].warmup_steps = warmup;
  plan.stages[0].learning_rate = kPeak;
  return plan;
}
double RateAt(const Plan& plan, uint32_t step) {
  return LearningRateAt(plan, plan.stages[0], step);
}

TEST(LearningRateTest, CosineIsTransformers) {
  const Plan plan = PlanOf(Schedule::kCosine, 100, 10);
  for (uint32_t step = 10; step < 100; ++step) {
    const double progress = (step - 10.0) / std::max(1.0, 100.0 - 10);
    const double expected =
        kPeak * std::max(0.0, 0.5 * (1.0 + std::cos(M_PI * 0.5 * 2.0 * progress)));
    EXPECT_NEAR(RateAt(plan, step), expected, 1e-18) << step;
  }
}

TEST(LearningRateTest, LinearIsTransformers) {
  const Plan plan = PlanOf(Schedule::kLinear, 100, 10);
  for (uint32_t step = 10; step < 100; ++step) {
    const double expected = kPeak * std::max(0.0, (100.0 - step) / std::max(1.0, 100.0 - 10));
    EXPECT_NEAR(RateAt(plan, step), expected, 1e-18) << step;
  }
}

TEST(LearningRateTest, WarmUpRisesFromItsShareToThePeak) {
  for (const Schedule schedule :
       {Schedule::kCosine, Schedule::kLinear, Schedule::kConstantWithWarmup,
        Schedule::kCosineWithMinLr, Schedule::kWarmupStableDecay}) {
    const Plan plan = PlanOf(schedule, 100, 10);
    EXPECT_DOUBLE_EQ(RateAt(plan, 0), kPeak / 10);
    EXPECT_DOUBLE_EQ(RateAt(plan, 4), kPeak / 2);
    EXPECT_DOUBLE_EQ(RateAt(plan, 9), kPeak);
    EXPECT_DOUBLE_EQ(RateAt(plan, 10), kPeak);
  }
}

TEST(LearningRateTest, ConstantStaysAndTheOthersEndNearZero) {
  EXPECT_EQ(RateAt(PlanOf(Schedule::kConstant, 100, 0), 99), kPeak);
  EXPECT_NEAR(RateAt(PlanOf(Schedule::kLinear, 100, 0), 99), kPeak / 100, 1e-18);
  EXPECT_NEAR(RateAt(PlanOf(Schedule::kLinear, 100, 0), 100), 0, 1e-18);
  EXPECT_NEAR(RateAt(PlanOf(Schedule::kCosine, 100, 0), 100), 0, 1e-18);
  EXPECT_GT(RateAt(PlanOf(Schedule::kCosine, 100, 0), 99), 0);
}

TEST(LearningRateTest, OneStepHasThePeak) {
  for (const Schedule schedule : {Schedule::kCosine, Schedule::kLinear, Schedule::kConstant})
    EXPECT_EQ(RateAt(PlanOf(schedule, 1, 0), 0), kPeak);
}

TEST(LearningRateTest, WarmUpIsShorterThanTheStage) {
  PlannedBranch branch;
  branch.config().num_train_epochs = 1;
  branch.config().warmup_ratio = 0.99;
  branch.Add("one.jsonl", {{"1"}});
  branch.Add("many.jsonl", ManyExamples(300));
  const Plan plan = branch.Make();
  ASSERT_EQ(plan.stages.size(), 2u);
  EXPECT_EQ(plan.stages[0].total_steps(), 1u);
  for (const StagePlan& stage : plan.stages) {
    EXPECT_LT(stage.warmup_steps, stage.total_steps());
    EXPECT_GT(LearningRateAt(plan, stage, stage.total_steps() - 1), 0);
  }
}

TEST(LearningRateTest, ConstantKnowsNoWarmUpAsInTransformers) {
  PlannedBranch branch;
  branch.config().warmup_ratio = 0.5;
  branch.Add("many.jsonl", ManyExamples(300));
  branch.config().lr_scheduler_type = Schedule::kConstant;
  EXPECT_EQ(branch.Make().stages.at(0).warmup_steps, 0u);
  branch.config().lr_scheduler_type = Schedule::kConstantWithWarmup;
  EXPECT_GT(branch.Make().stages.at(0).warmup_steps, 0u);
}

TEST(LearningRateTest, WarmUpStepsComeBeforeTheRatio) {
  PlannedBranch branch;
  branch.config().warmup_ratio = 0.5;
  branch.config().warmup_steps = 3;
  branch.Add("one.jsonl", {{"1"}});
  branch.Add("many.jsonl", ManyExamples(300));
  const Plan plan = branch.Make();
  EXPECT_EQ(plan.stages.at(0).warmup_steps, plan.stages[0].total_steps() - 1);
  EXPECT_EQ(plan.stages.at(1).warmup_steps, 3u);
}

TEST(LearningRateTest, StableDecayIsHighestUntilItsLastPhase) {
  PlannedBranch branch;
  branch.config().lr_scheduler_type = Schedule::kWarmupStableDecay;
  branch.config().lr_decay_ratio = 0.25;
  branch.config().min_lr_rate = 0.1;
  branch.config().global_batch_size = 1;
  branch.Add("many.jsonl", ManyExamples(300));
  const Plan plan = branch.Make();
  const StagePlan& stage = plan.stages.at(0);
  const uint32_t total = stage.total_steps();
  EXPECT_EQ(stage.decay_steps, static_cast<uint32_t>(std::ceil(total * 0.25)));
  EXPECT_DOUBLE_EQ(RateAt(plan, total - stage.decay_steps), stage.learning_rate);
  EXPECT_LT(RateAt(plan, total - stage.decay_steps + 1), stage.learning_rate);
  EXPECT_NEAR(RateAt(plan, total), stage.learning_rate / 10, 1e-18);
  EXPECT_GT(RateAt(plan, total - 1), stage.learning_rate / 10);
}

TEST(LearningRateTest, WarmUpIsRoundedUpAsInTransformers) {
  PlannedBranch branch;
  branch.config().num_train_epochs = 1;
  branch.config().packing = false;
  branch.config().global_batch_size = 1;
  branch.config().warmup_ratio = 0.03;
  branch.Add("many.jsonl", ManyExamples(101));
  EXPECT_EQ(branch.Make().stages.at(0).warmup_steps, 4u);
}

}  // namespace
}  // namespace strata
