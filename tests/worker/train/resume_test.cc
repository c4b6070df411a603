// Goal: a stage that goes on from a checkpoint ends as one that was never interrupted, to the byte.
// Method: a tiny decoder on one rank; each step in turn is the last before a checkpoint or a stop,
// then a new decoder and a new adapter go on; with held-out rows, skipped steps and patience.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "tests/worker/tiny_model.h"
#include "worker/train/stage_progress.h"
#include "worker/train/stage_trainer.h"

namespace strata {
namespace {

using namespace testing;  // strata::testing: tiny models

constexpr uint32_t kStepsOfEpoch = 5, kSteps = 10;

// One rank; what it sums in some steps of the stage, counted over the epochs, is too large for fp32.
class OverflowingStep : public OneRank {
 public:
  void SumInPlace(at::Tensor& flat_N) override {
    if (overflows) flat_N[0].fill_(std::numeric_limits<float>::infinity());
  }
  bool overflows = false;
};

class ResumeTest : public ::testing::Test {
 protected:
  struct Run {
    StageResult result;
    Listener told;
    std::vector<float> adapter;
  };

  Run Train(const TrainState* resume, int64_t save_before, int64_t stop_before) {
    const ModelConfig config = TinyConfig();
    Decoder decoder(config, TinyLora(0.1), TinyWeights(config), at::kFloat, at::kCPU);
    FlatAdapter adapter(TinyLayout(config), at::kCPU);
    if (resume == nullptr) adapter.Load(KeyedValues(5, TinyLayout(config).elements, 0.3f));
    OverflowingStep alone;
    FunctionSource source(
        [&](StagePosition at) {
          alone.overflows = overflowing_.count(at.epoch * kStepsOfEpoch + at.step) > 0;
          return TinyStep(at.step, learning_rate_);
        },
        [&](uint32_t step) {
          alone.overflows = false;
          return TinyHeldOutStep(step);
        });
    Run run;
    run.told.save_before = save_before;
    run.told.stop_before = stop_before;
    run.result = TrainStage(settings_, {decoder, adapter, source, alone}, run.told, resume);
    run.adapter = adapter.Values();
    return run;
  }
  Run Unbroken() { return Train(nullptr, -1, -1); }

  // Interrupted after each step in turn, the stage ends as the unbroken one.
  void ExpectTheSameFromEachStep() {
    const Run unbroken = Unbroken();
    for (int64_t step = 0; step < static_cast<int64_t>(unbroken.told.reports.size()); ++step) {
      SCOPED_TRACE("after step " + std::to_string(step));
      const Run saved = Train(nullptr, step, -1), stopped = Train(nullptr, -1, step);
      EXPECT_EQ(stopped.result.end, StageEnd::kStopped);
      ExpectContinues(saved, unbroken);
      ExpectContinues(stopped, unbroken);
      EXPECT_EQ(saved.adapter, unbroken.adapter) << "a checkpoint changed the training";
    }
  }

  void ExpectContinues(const Run& interrupted, const Run& unbroken) {
    ASSERT_EQ(interrupted.told.checkpoints.size(), 1u);
    const TrainState& state = interrupted.told.checkpoints[0];
    const Run rest = Train(&state, -1, -1);
    EXPECT_EQ(rest.result.end, unbroken.result.end);
    EXPECT_EQ(rest.result.error, unbroken.result.error);
    EXPECT_EQ(rest.result.reason, unbroken.result.reason);
    EXPECT_EQ(rest.result.steps_kept, unbroken.result.steps_kept);
    EXPECT_EQ(rest.adapter, unbroken.adapter);
    const uint32_t done = state.header.epoch * kStepsOfEpoch + state.header.step;
    EXPECT_EQ(done + rest.told.reports.size(), unbroken.told.reports.size());
  }

  StageSettings settings_{.index = 2,
                          .steps = {kStepsOfEpoch, kStepsOfEpoch},
                          .dropout_key = 77,
                          .adamw = {},
                          .watchdog = {.nonfinite_steps_max = 3},
                          .held_out = {}};
  double learning_rate_ = 1e-3;
  std::set<uint32_t> overflowing_;
};

TEST_F(ResumeTest, EndsAsIfItWasNeverInterrupted) { ExpectTheSameFromEachStep(); }

TEST_F(ResumeTest, KeepsLoRAPlusAndNoise) {
  settings_.adamw.loraplus_lr_ratio = 4;
  settings_.neftune_noise_alpha = 5;
  ExpectTheSameFromEachStep();
}

TEST_F(ResumeTest, CountsNonfiniteStepsOn) {
  overflowing_ = {1, 4, 5, 6};
  const Run unbroken = Unbroken();
  EXPECT_EQ(unbroken.result.end, StageEnd::kDataError);
  // What the failed stage goes back to is in the checkpoint too.
  EXPECT_EQ(unbroken.adapter, KeyedValues(5, TinyLayout(TinyConfig()).elements, 0.3f));
  for (const int64_t step : {0, 2, 4, 5}) {
    SCOPED_TRACE("after step " + std::to_string(step));
    ExpectContinues(Train(nullptr, step, -1), unbroken);
  }
}

TEST_F(ResumeTest, RemembersTheLeastHeldOutLoss) {
  settings_.held_out = {.steps = 2, .every_steps = 2, .patience = 2};
  learning_rate_ = 1e-2;
  const Run unbroken = Unbroken();
  ASSERT_LT(unbroken.result.steps_kept, unbroken.told.reports.size()) << "nothing was put back";
  ExpectTheSameFromEachStep();
}

TEST_F(ResumeTest, EvaluatesWhatAStopHadLeftOut) {
  settings_.held_out = {.steps = 2, .every_steps = 2, .patience = 0};
  const Run unbroken = Unbroken();
  const Run stopped = Train(nullptr, -1, 1);
  EXPECT_TRUE(stopped.told.evaluations.empty());
  ASSERT_EQ(stopped.told.checkpoints.size(), 1u);
  const Run rest = Train(&stopped.told.checkpoints[0], -1, -1);
  ASSERT_EQ(rest.told.evaluations.size(), unbroken.told.evaluations.size());
  for (size_t i = 0; i < rest.told.evaluations.size(); ++i)
    EXPECT_EQ(rest.told.evaluations[i].loss, unbroken.told.evaluations[i].loss);
}

TEST_F(ResumeTest, RefusesACheckpointOfAnotherStage) {
  const Run saved = Train(nullptr, 3, -1);
  settings_.index = 1;
  EXPECT_THROW(Train(&saved.told.checkpoints.at(0), -1, -1), std::invalid_argument);
}

}  // namespace
}  // namespace strata
