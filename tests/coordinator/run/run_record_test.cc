// Goal: what a run's steps came to is counted once, skipped steps not at all, and steps that are
// missing are noticed. Method: steps and evaluations by hand; losses worked out on paper.
#include "coordinator/run/run_record.h"

#include <cmath>

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

StepSeen StepAt(const Position& at, double loss, uint64_t supervised = 1) {
  StepSeen step;
  step.stage = at.stage, step.epoch = at.epoch, step.step = at.step;
  step.loss = loss, step.supervised = supervised, step.seconds = 2;
  return step;
}

StepSeen SkippedAt(const Position& at) {
  StepSeen step = StepAt(at, std::nan(""), 100);
  step.skipped = true;
  return step;
}

EvaluationSeen EvaluationAt(const Position& at, double loss) {
  EvaluationSeen seen;
  seen.stage = at.stage, seen.epoch = at.epoch, seen.step = at.step;
  seen.loss = loss;
  return seen;
}

constexpr StepOfStage kEnd{9, 9};

class RunRecordTest : public testing::Test {
 protected:
  // Two stages, of two epochs of two steps and of one of three; recorded up to `next`.
  static RunState StateAt(const Position& next) {
    RunState state;
    state.spec.stages = {{2, 2}, {3}};
    state.recorded = next;
    return state;
  }
  void AddSteps(std::initializer_list<Position> places) {
    for (const Position& at : places) record_.Add(StepAt(at, 1));
  }
  RunRecord record_;
};

TEST_F(RunRecordTest, AStagesLossIsTheTokenMeanOfItsLastEpoch) {
  record_.Add(StepAt({0, 0, 0}, 9, 5));
  record_.Add(StepAt({0, 1, 0}, 2, 30));
  record_.Add(StepAt({0, 1, 1}, 4, 10));
  record_.Add(StepAt({1, 0, 0}, 7));
  EXPECT_DOUBLE_EQ(record_.StageLoss(0, kEnd), (2 * 30 + 4 * 10) / 40.0);
  EXPECT_DOUBLE_EQ(record_.StageLoss(1, kEnd), 7);
}

TEST_F(RunRecordTest, WhatTheAdapterDoesNotHaveIsNotInTheLoss) {
  record_.Add(StepAt({0, 0, 0}, 9));
  record_.Add(StepAt({0, 0, 1}, 3));
  record_.Add(StepAt({0, 1, 0}, 1));
  EXPECT_DOUBLE_EQ(record_.StageLoss(0, {0, 0}), 9);
  EXPECT_DOUBLE_EQ(record_.StageLoss(0, {0, 1}), 6);
}

TEST_F(RunRecordTest, ASkippedStepIsNamedAndCountsForNothing) {
  record_.Add(StepAt({0, 0, 0}, 3));
  record_.Add(SkippedAt({0, 0, 1}));
  record_.Add(SkippedAt({1, 0, 0}));
  EXPECT_DOUBLE_EQ(record_.StageLoss(0, kEnd), 3);
  EXPECT_THAT(record_.SkippedSteps(0), ElementsAre(Pair(0, 1)));
  EXPECT_TRUE(std::isnan(record_.StageLoss(1, kEnd)));
  EXPECT_TRUE(std::isnan(record_.StageLoss(2, kEnd)));
}

TEST_F(RunRecordTest, WhatWillBeDoneAgainIsForgotten) {
  AddSteps({{0, 1, 0}, {0, 1, 1}, {1, 0, 0}});
  record_.Add(EvaluationAt({0, 1, 0}, 5));
  record_.Add(EvaluationAt({0, 1, 1}, 4));
  record_.ForgetFrom({0, 1, 1});
  EXPECT_EQ(record_.seconds(), 2);
  ASSERT_EQ(record_.Evaluations(0).size(), 1u);
  EXPECT_EQ(record_.Evaluations(0)[0].loss, 5);
  record_.ForgetFrom({});
  EXPECT_EQ(record_.seconds(), 0);
  EXPECT_THAT(record_.Evaluations(0), IsEmpty());
}

TEST_F(RunRecordTest, AStepWithoutATimeTakesNone) {
  StepSeen step = StepAt({0, 0, 0}, 1);
  step.seconds = std::nan("");
  record_.Add(step);
  AddSteps({{0, 0, 1}});
  EXPECT_EQ(record_.seconds(), 2);
}

TEST_F(RunRecordTest, AStepThatIsMissingBeforeTheCheckpointIsNoticed) {
  AddSteps({{0, 0, 0}, {0, 0, 1}, {0, 1, 0}});
  EXPECT_TRUE(record_.CheckCovers(StateAt({0, 1, 1}), "steps.jsonl").ok());
  const absl::Status missing = record_.CheckCovers(StateAt({0, 1, 2}), "steps.jsonl");
  EXPECT_EQ(missing.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(missing.message()),
              testing::AllOf(HasSubstr("steps.jsonl has 3 of the 4 steps of stage 0"),
                             HasSubstr("strata train --restart")));
}

TEST_F(RunRecordTest, OfAStageThatEndedThoseOfItsAdapterMustBeThere) {
  AddSteps({{0, 0, 0}, {0, 0, 1}, {1, 0, 0}});
  RunState state = StateAt({1, 0, 1});
  state.stage_ends[0].steps_kept = 2;  // it stopped early
  EXPECT_TRUE(record_.CheckCovers(state, "steps.jsonl").ok());
  state.stage_ends[0].steps_kept = 3;
  EXPECT_EQ(record_.CheckCovers(state, "steps.jsonl").code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace strata
