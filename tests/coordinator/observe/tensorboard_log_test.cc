// Goal: a run's curves have the Trainer's names and one point for each update, also of a run whose
// steps were done again. Method: news of a run; its events read back.
#include "coordinator/observe/tensorboard_log.h"

#include <map>

#include "gmock/gmock.h"
#include "tests/common/folder.h"
#include "tests/coordinator/observe/event_records.h"
#include "tests/coordinator/observe/small_run.h"

namespace strata {
namespace {

using testing::ElementsAre;

class TensorBoardLogTest : public testing::Test {
 protected:
  TensorBoardLog Begin(const std::optional<Position>& resumed = std::nullopt) {
    auto log = TensorBoardLog::Begin(folder_.path(), "run", StepNumbers(SmallPlan()), resumed);
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }
  // Of the newest file: "purge 4", "4", …, behind the version.
  std::vector<std::string> Steps(TensorBoardLog& log) {
    EXPECT_TRUE(log.Flush().ok());
    std::vector<std::string> steps;
    for (const tensorboard::Event& event : Events()) {
      if (event.has_session_log()) steps.push_back("purge " + std::to_string(event.step()));
      if (event.has_summary()) steps.push_back(std::to_string(event.step()));
    }
    return steps;
  }
  std::vector<tensorboard::Event> Events() {
    std::filesystem::path newest;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      newest = std::max(newest, entry.path());
    return EventsOf(newest);
  }
  Folder folder_;
};

TEST_F(TensorBoardLogTest, NumbersTheUpdatesOfAllStagesFromOne) {
  TensorBoardLog log = Begin();
  for (const StepSeen& step : {StepAt(0, 0, 0), StepAt(0, 1, 2), StepAt(1, 0, 1)})
    log.Take(Told(step));
  EXPECT_THAT(Steps(log), ElementsAre("1", "6", "8"));
}

TEST_F(TensorBoardLogTest, HasTheTrainersTags) {
  TensorBoardLog log = Begin();
  log.Take(Told(StepAt(0, 1, 2)));
  log.Take(Told(
      EvaluationSeen{
          .stage = 0, .epoch = 1, .step = 2, .dataset = "train.jsonl", .loss = 1.5, .seconds = 2},
      7));
  ASSERT_TRUE(log.Flush().ok());
  std::map<std::string, float> values;
  for (const tensorboard::Event& event : Events()) {
    for (const auto& value : event.summary().value()) values[value.tag()] = value.simple_value();
  }
  EXPECT_FLOAT_EQ(values["train/loss"], 0.12F);
  EXPECT_FLOAT_EQ(values["train/learning_rate"], 0.001F);
  EXPECT_FLOAT_EQ(values["train/grad_norm"], 2);
  EXPECT_FLOAT_EQ(values["train/epoch"], 2);
  EXPECT_FLOAT_EQ(values["train/tokens_per_second"], 200);
  EXPECT_FLOAT_EQ(values["eval/loss"], 1.5);
  EXPECT_FLOAT_EQ(values["eval/runtime"], 2);
  EXPECT_EQ(Events()[1].wall_time(), 1796000012) << "the step's own time";
  EXPECT_EQ(Events()[2].wall_time(), 1796000007);
}

TEST_F(TensorBoardLogTest, AnAttemptThatDoesStepsAgainPurgesThem) {
  TensorBoardLog log = Begin();
  for (uint32_t step = 0; step < 3; ++step) log.Take(Told(StepAt(0, 0, step)));
  log.Take(Told(StepAt(0, 0, 1, 2)));
  log.Take(Told(StepAt(0, 0, 2, 2)));
  EXPECT_THAT(Steps(log), ElementsAre("1", "2", "3", "purge 2", "2", "3"));
}

TEST_F(TensorBoardLogTest, ARunThatGoesOnPurgesWhatItWillDoAgain) {
  TensorBoardLog log = Begin(Position{0, 1, 0});
  log.Take(Told(StepAt(0, 1, 0, 2)));
  EXPECT_THAT(Steps(log), ElementsAre("purge 4", "4"));
}

}  // namespace
}  // namespace strata
