// Goal: only data that can't be trained ends a stage, and the user is told by which figures.
// Method: reports made by hand.
#include "worker/train/loss_watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace strata {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// What is said after each loss of one epoch, the first words that are; NaN is a skipped step.
std::string Verdict(const WatchdogSettings& settings, const std::vector<double>& losses) {
  LossWatchdog watchdog(settings);
  StepReport report;
  report.position.stage = 4;
  for (size_t step = 0; step < losses.size(); ++step) {
    report.position.step = static_cast<uint32_t>(step);
    report.loss = losses[step];
    report.skipped = std::isnan(losses[step]);
    const std::string fault = watchdog.Judge(report, step + 1 == losses.size());
    if (!fault.empty()) return fault;
  }
  return "";
}

const WatchdogSettings kAboveFive = {
    .nonfinite_steps_max = 3, .loss_threshold = 5, .loss_patience = 3};

TEST(LossWatchdogTest, HighLossesInARowEndTheStageWithTheirFigures) {
  EXPECT_THAT(Verdict(kAboveFive, {1, 6, 7, 8.5, 1}),
              AllOf(HasSubstr("above loss_watchdog_threshold, 5, in 3 steps in a row"),
                    HasSubstr("stage 4, epoch 0, step 3, loss 8.5"), HasSubstr("learning rate")));
}

TEST(LossWatchdogTest, ALossBelowBeginsTheCountAnew) {
  EXPECT_EQ(Verdict(kAboveFive, {6, 6, 5, 6, 6, 1}), "") << "5 is not above 5";
}

TEST(LossWatchdogTest, ASkippedStepNeitherCountsNorForgives) {
  EXPECT_EQ(Verdict(kAboveFive, {6, 6, NAN, 1}), "");
  EXPECT_THAT(Verdict(kAboveFive, {6, 6, NAN, 6, 1}), HasSubstr("3 steps in a row"));
}

TEST(LossWatchdogTest, WithoutAThresholdAnyFiniteLossWillDo) {
  EXPECT_EQ(Verdict({.nonfinite_steps_max = 2}, {1e30, 1e30, 1e30}), "");
}

TEST(LossWatchdogTest, NonFiniteStepsInARowEndTheStage) {
  EXPECT_EQ(Verdict(kAboveFive, {1, NAN, NAN, 1, NAN, NAN}), "");
  EXPECT_THAT(Verdict(kAboveFive, {1, NAN, NAN, NAN}),
              AllOf(HasSubstr("was not finite in 3 steps in a row"), HasSubstr("step 3")));
}

TEST(LossWatchdogTest, AnEpochWithoutAnAppliedStepEndsTheStage) {
  EXPECT_THAT(Verdict(kAboveFive, {NAN, NAN}), HasSubstr("every step of epoch 0"));
}

}  // namespace
}  // namespace strata
