// Goal: what is asked for in branch.yaml is there when a run ends, and what can't be written harms
// nothing. Method: whole observations of small runs.
#include "coordinator/observe/observation.h"

#include "gmock/gmock.h"
#include "tests/common/folder.h"
#include "tests/coordinator/observe/event_records.h"
#include "tests/coordinator/observe/small_run.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ObservationTest : public testing::Test {
 protected:
  ObservationTest() {
    config_.name = "física";
    std::filesystem::create_directories(run());
  }
  std::filesystem::path run() const { return folder_.path() / "run"; }
  // A run of one step.
  void Observe() {
    Observation observation(config_, [this](const std::string& words) { said_.push_back(words); });
    observation.Tell(WarningSeen{"before the beginning"});
    const Plan plan = SmallPlan();
    const std::vector<std::pair<std::string, std::string>> settings;
    observation.Begin({plan, 10, settings, RunId("r1"), std::nullopt, run()});
    observation.Tell(LineOf("attempt", "1 ranks"));
    observation.Tell(StepAt(0, 0, 0));
    observation.Tell(RunEndSeen{"completed", "v0001 is current"});
  }
  Folder folder_;
  Config config_;
  std::vector<std::string> said_;
};

TEST_F(ObservationTest, LeavesTheLogAlone) {
  Observe();
  const std::string log = folder_.Read("run/run.log");
  EXPECT_THAT(log, HasSubstr("begins: 2 stages"));
  EXPECT_THAT(log, HasSubstr("warning: before the beginning"));
  EXPECT_THAT(log, HasSubstr("completed: v0001 is current"));
  EXPECT_FALSE(std::filesystem::exists(run() / "tensorboard")) << "nobody asked for it";
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(ObservationTest, KeepsCurvesInTheRunsFolder) {
  config_.report_to = {"tensorboard"};
  Observe();
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(run() / "tensorboard"))
    files.push_back(file.path());
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(EventsOf(files[0]).size(), 2u);
}

TEST_F(ObservationTest, LeavesTheMetricsOfTheEnd) {
  config_.metrics_file = (folder_.path() / "strata_{branch}.prom").string();
  Observe();
  const std::string page = folder_.Read("strata_física.prom");
  EXPECT_THAT(page,
              HasSubstr("strata_run_state{branch=\"física\",run=\"r1\",state=\"completed\"} 1"));
  EXPECT_THAT(page, HasSubstr("strata_steps_done{branch=\"física\",run=\"r1\"} 1"));
}

TEST_F(ObservationTest, WhatCannotBeWrittenIsSaidOnceAndTheRestGoesOn) {
  config_.metrics_file = (folder_.path() / "missing/x.prom").string();
  config_.report_to = {"tensorboard"};
  folder_.Write("run/tensorboard", "a file in the way");
  Observe();
  EXPECT_THAT(said_, ElementsAre(HasSubstr("TensorBoard"), HasSubstr("metrics_file")));
  EXPECT_THAT(folder_.Read("run/run.log"), HasSubstr("completed: v0001 is current"));
}

TEST_F(ObservationTest, ARunThatNeverBeganLeavesNothing) {
  { const Observation observation(config_, nullptr); }
  EXPECT_TRUE(std::filesystem::is_empty(run()));
}

}  // namespace
}  // namespace strata
