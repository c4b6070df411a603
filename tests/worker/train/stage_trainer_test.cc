// Goal: the loop's promises: equal results whatever the micro-batch, byte-equal repeats, a step
// that overflows left out, a failed stage undone, a stop obeyed. Method: a tiny decoder trained for
// some thirty steps on one rank.
#include "worker/train/stage_trainer.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "tests/worker/tiny_model.h"

namespace strata {
namespace {

using namespace testing;  // strata::testing: tiny models

// One rank; in some steps one element of what it sums is too large for fp32.
class OverflowingSum : public OneRank {
 public:
  void SumInPlace(at::Tensor& flat_N) override {
    if (steps.count(step_++) > 0) flat_N[element].fill_(std::numeric_limits<float>::infinity());
  }

  std::set<int> steps = {};  // counted over the stage
  int64_t element = 0;       // of the buffer; from its end where negative

 private:
  int step_ = 0;
};

class StageTrainerTest : public ::testing::Test {
 protected:
  struct Run {
    StageResult result;
    std::vector<StepReport> reports;
    std::vector<EvaluationReport> evaluations;
    std::vector<TrainState> checkpoints;
    std::vector<float> adapter;
  };

  Run Train(const TrainState* resume = nullptr) {
    const ModelConfig config = TinyConfig();
    Decoder decoder(config, TinyLora(0.1), weights_, at::kFloat, at::kCPU);
    FlatAdapter adapter(TinyLayout(config), at::kCPU);
    adapter.Load(initial_);
    // What is held out is what other tokens would say, so that its loss rises as training goes on.
    FunctionSource source([&](StagePosition at) { return TinyStep(at.step, learning_rate_); },
                          [](uint32_t step) { return TinyHeldOutStep(step); });
    Run run;
    OverflowingSum alone = collective_;
    run.result = TrainStage(settings_, {decoder, adapter, source, alone}, listener_, resume);
    run.reports = std::exchange(listener_.reports, {});
    run.evaluations = std::exchange(listener_.evaluations, {});
    run.checkpoints = std::exchange(listener_.checkpoints, {});
    run.adapter = adapter.Values();
    return run;
  }

  StageSettings settings_{.index = 2,
                          .steps = {15, 15},
                          .dropout_key = 77,
                          .adamw = {},
                          .watchdog = {.nonfinite_steps_max = 3},
                          .held_out = {}};
  VectorWeights weights_ = TinyWeights(TinyConfig());
  std::vector<float> initial_ = KeyedValues(5, TinyLayout(TinyConfig()).elements, 0.3f);
  double learning_rate_ = 1e-3;
  OverflowingSum collective_;
  Listener listener_;
};

TEST_F(StageTrainerTest, LowersTheLoss) {
  learning_rate_ = 1e-2;
  const Run run = Train();
  ASSERT_EQ(run.result.end, StageEnd::kTrained);
  ASSERT_EQ(run.reports.size(), 30u);
  // Step 12 of the second epoch has the rows of step 0 of the first: see TinyStep.
  EXPECT_LT(run.reports[27].loss, run.reports[0].loss - 0.1);
}

TEST_F(StageTrainerTest, RepeatsToTheByte) { EXPECT_EQ(Train().adapter, Train().adapter); }

TEST_F(StageTrainerTest, GivesTheSameLossesForAnyMicroBatch) {
  const Run one = Train();
  settings_.micro_batch_size = 3;
  const Run three = Train();
  for (size_t i = 0; i < one.reports.size(); ++i)
    EXPECT_NEAR(three.reports[i].loss / one.reports[i].loss, 1, 1e-4) << i;
}

TEST_F(StageTrainerTest, ComputingLayersAgainChangesNoByte) {
  const Run kept = Train();
  settings_.gradient_checkpointing = true;
  EXPECT_EQ(Train().adapter, kept.adapter);
}

TEST_F(StageTrainerTest, GivesTheSameNoiseForAnyMicroBatch) {
  settings_.neftune_noise_alpha = 5;
  const Run one = Train();
  settings_.micro_batch_size = 3;
  const Run three = Train();
  for (size_t i = 0; i < one.reports.size(); ++i)
    EXPECT_NEAR(three.reports[i].loss / one.reports[i].loss, 1, 1e-4) << i;
  settings_.neftune_noise_alpha = 0;
  EXPECT_GT(std::abs(Train().reports[0].loss / one.reports[0].loss - 1), 1e-3);
}

TEST_F(StageTrainerTest, MakesNoNoiseWhereItEvaluates) {
  settings_.held_out = {.steps = 1, .every_steps = 1};
  settings_.steps = {1};
  learning_rate_ = 0;
  const double plain = Train().evaluations.at(0).loss;
  settings_.neftune_noise_alpha = 100;
  EXPECT_EQ(Train().evaluations.at(0).loss, plain);
}

TEST_F(StageTrainerTest, DrawsOtherMasksForAnotherStage) {
  const Run one = Train();
  settings_.dropout_key = 78;
  EXPECT_NE(Train().reports[0].loss, one.reports[0].loss);
}

TEST_F(StageTrainerTest, UndoesAStageWhoseLossIsNotFinite) {
  weights_.Put("model.norm.weight", {TinyConfig().hidden_size},
               std::vector<float>(TinyConfig().hidden_size, std::nanf("")));
  const Run run = Train();
  EXPECT_EQ(run.result.end, StageEnd::kDataError);
  EXPECT_THAT(run.result.error, ::testing::HasSubstr("stage 2, epoch 0, step 2"));
  ASSERT_EQ(run.reports.size(), 3u);
  EXPECT_TRUE(run.reports[0].skipped);
  EXPECT_EQ(run.adapter, initial_);
}

TEST_F(StageTrainerTest, UndoesAStageWithAnEpochWithoutAnAppliedStep) {
  settings_.steps = {2};
  weights_.Put("model.norm.weight", {TinyConfig().hidden_size},
               std::vector<float>(TinyConfig().hidden_size, std::nanf("")));
  const Run run = Train();
  EXPECT_EQ(run.result.end, StageEnd::kDataError);
  EXPECT_THAT(run.result.error, ::testing::HasSubstr("every step of epoch 0"));
  EXPECT_EQ(run.adapter, initial_);
}

TEST_F(StageTrainerTest, UndoesUpdatesMadeBeforeTheLossStoppedBeingFinite) {
  learning_rate_ = 1e30;
  const Run run = Train();
  EXPECT_EQ(run.result.end, StageEnd::kDataError);
  EXPECT_FALSE(run.reports[0].skipped);
  EXPECT_EQ(run.adapter, initial_);
}

TEST_F(StageTrainerTest, SkipsAStepWhoseGradientOrLossOverflowsInTheSum) {
  for (const int64_t element : {int64_t{3}, -FlatAdapter::kControlWords}) {
    collective_.element = element;
    collective_.steps = {1, 4};
    const Run run = Train();
    EXPECT_EQ(run.result.end, StageEnd::kTrained);
    for (int step = 0; step < 6; ++step)
      EXPECT_EQ(run.reports[step].skipped, collective_.steps.count(step) > 0) << step;
    EXPECT_THAT(
        run.adapter,
        ::testing::Each(::testing::Truly([](float value) { return std::isfinite(value); })));
  }
}

TEST_F(StageTrainerTest, CountsOnlyStepsInARow) {
  collective_.steps = {1, 2, 4, 5, 7, 8};
  EXPECT_EQ(Train().result.end, StageEnd::kTrained);
  collective_.steps = {1, 2, 4, 5, 6};
  EXPECT_THAT(Train().result.error, ::testing::HasSubstr("3 steps in a row"));
}

TEST_F(StageTrainerTest, StopsAfterTheStepItWasAskedBefore) {
  listener_.stop_before = 4;
  const Run run = Train();
  EXPECT_EQ(run.result.end, StageEnd::kStopped);
  EXPECT_EQ(run.reports.size(), 5u);
  EXPECT_NE(run.adapter, initial_);
}

// The loss of an adapter over the rows that Train holds out.
double HeldOutLossOf(const VectorWeights& weights, const std::vector<float>& values) {
  Decoder decoder(TinyConfig(), TinyLora(0.1), weights, at::kFloat, at::kCPU);
  FlatAdapter adapter(TinyLayout(TinyConfig()), at::kCPU);
  adapter.Load(values);
  OneRank alone;
  FunctionSource source([](StagePosition at) { return TinyHeldOutStep(at.step); });
  const Evaluation measured =
      EvaluateStage(2, 3, {decoder, adapter, source, alone}, TinyHeldOutStep);
  return measured.loss_sum / static_cast<double>(measured.tokens);
}

TEST_F(StageTrainerTest, EvaluatesHeldOutRowsAfterEachEpochOrAsOftenAsItIsTold) {
  settings_.held_out = {.steps = 2};
  std::vector<uint32_t> after;
  for (const EvaluationReport& report : Train().evaluations) {
    after.push_back(report.after.epoch * 15 + report.after.step + 1);
    EXPECT_EQ(report.tokens, 2 * TinyHeldOutStep(0).step_supervised_tokens);
  }
  EXPECT_THAT(after, ::testing::ElementsAre(15, 30));
  settings_.held_out.every_steps = 8;
  after.clear();
  for (const EvaluationReport& report : Train().evaluations)
    after.push_back(report.after.epoch * 15 + report.after.step + 1);
  EXPECT_THAT(after, ::testing::ElementsAre(8, 16, 24, 30));
}

TEST_F(StageTrainerTest, EvaluatingChangesNothing) {
  const Run plain = Train();
  settings_.held_out = {.steps = 2, .every_steps = 1};
  const Run evaluated = Train();
  EXPECT_EQ(evaluated.adapter, plain.adapter);
  EXPECT_EQ(evaluated.result.steps_kept, 30u);
  EXPECT_EQ(evaluated.result.reason, "");
  EXPECT_NEAR(evaluated.evaluations.back().loss, HeldOutLossOf(weights_, evaluated.adapter), 1e-6);
}

TEST_F(StageTrainerTest, StopsEarlyAndLeavesTheAdapterOfTheLeastHeldOutLoss) {
  learning_rate_ = 3e-2;
  settings_.held_out = {.steps = 2, .every_steps = 2, .patience = 2};
  const Run run = Train();
  ASSERT_EQ(run.result.end, StageEnd::kTrained);
  ASSERT_LT(run.reports.size(), 30u) << "nothing to tell by";
  EXPECT_TRUE(run.evaluations.back().ends_stage);
  const auto least = std::min_element(
      run.evaluations.begin(), run.evaluations.end(),
      [](const EvaluationReport& a, const EvaluationReport& b) { return a.loss < b.loss; });
  EXPECT_TRUE(least->best);
  EXPECT_EQ(run.evaluations.end() - least, 3) << "patience is 2";
  EXPECT_EQ(run.result.steps_kept, least->after.epoch * 15 + least->after.step + 1);
  EXPECT_NEAR(HeldOutLossOf(weights_, run.adapter), least->loss, 1e-6);
  EXPECT_THAT(run.result.reason, ::testing::HasSubstr("stopped early"));
  // The same as a training that was never to go further.
  const uint32_t kept = run.result.steps_kept;
  settings_.held_out = {};
  settings_.steps = {std::min(kept, 15u)};
  if (kept > 15) settings_.steps.push_back(kept - 15);
  EXPECT_EQ(Train().adapter, run.adapter);
}

TEST_F(StageTrainerTest, TheWatchdogPutsTheAdapterBack) {
  settings_.watchdog = {.nonfinite_steps_max = 3, .loss_threshold = 0.5, .loss_patience = 4};
  const Run run = Train();
  EXPECT_EQ(run.result.end, StageEnd::kDataError);
  EXPECT_EQ(run.reports.size(), 4u);
  EXPECT_THAT(run.result.error, ::testing::HasSubstr("loss_watchdog_threshold, 0.5"));
  EXPECT_EQ(run.adapter, initial_);
}

}  // namespace
}  // namespace strata
