// Goal: the loop's promises: equal results whatever the micro-batch, byte-equal repeats, a step
// that overflows left out, a failed stage undone, a stop obeyed. Method: a tiny decoder trained for
// some thirty steps on one rank.
#include "worker/train/stage_trainer.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
    std::vector<float> adapter;
  };

  Run Train() {
    const ModelConfig config = TinyConfig();
    Decoder decoder(config, TinyLora(0.1), weights_, at::kFloat, at::kCPU);
    FlatAdapter adapter(TinyLayout(config), at::kCPU);
    adapter.Load(initial_);
    FunctionSource source([&](StagePosition at) { return TinyStep(at.step, learning_rate_); });
    Run run;
    OverflowingSum alone = collective_;
    run.result = TrainStage(settings_, decoder, adapter, source, alone, listener_);
    run.reports = std::exchange(listener_.reports, {});
    run.adapter = adapter.Values();
    return run;
  }

  StageSettings settings_{2, {15, 15}, 77, {}, 1, 3};
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

}  // namespace
}  // namespace strata
