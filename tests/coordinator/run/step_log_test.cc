// Goal: who watches a run, or where its log lies, never holds it up, and nothing that was added is
// lost. Method: a watcher that waits, a folder that is not there.
#include "coordinator/run/step_log.h"

#include <atomic>
#include <future>

#include "common/json.h"
#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

StepSeen StepNumber(uint32_t step) {
  StepSeen seen;
  seen.step = step;
  seen.dataset = "train.jsonl";
  seen.device = "cpu";
  return seen;
}

class StepLogTest : public testing::Test {
 protected:
  std::vector<int64_t> StepsInFile() {
    std::vector<int64_t> steps;
    std::istringstream lines(folder_.Read("steps.jsonl"));
    for (std::string line; std::getline(lines, line);)
      steps.push_back(JsonInteger(ParseJson(line, "line").value(), "step", "line").value());
    return steps;
  }
  Folder folder_;
  std::vector<uint32_t> told_;
};

TEST_F(StepLogTest, EveryStepIsWrittenAndToldInOrder) {
  {
    StepLog log(folder_.path() / "steps.jsonl",
                [&](const StepSeen& step) { told_.push_back(step.step); });
    for (uint32_t step = 0; step < 3; ++step) log.Add(StepNumber(step));
  }
  EXPECT_THAT(StepsInFile(), ElementsAre(0, 1, 2));
  EXPECT_THAT(told_, ElementsAre(0, 1, 2));
}

TEST_F(StepLogTest, AnEvaluationStandsBetweenItsStepsUnderOtherKeys) {
  std::vector<double> losses;
  {
    StepLog log(folder_.path() / "steps.jsonl", nullptr,
                [&](const EvaluationSeen& seen) { losses.push_back(seen.loss); });
    log.Add(StepNumber(0));
    log.Add(EvaluationSeen{.dataset = "train.jsonl", .loss = 1.5, .seconds = 2, .tokens = 7});
    log.Add(StepNumber(1));
  }
  EXPECT_THAT(StepsInFile(), ElementsAre(0, 0, 1));
  EXPECT_THAT(losses, ElementsAre(1.5));
  std::istringstream lines(folder_.Read("steps.jsonl"));
  std::string line;
  std::getline(lines, line), std::getline(lines, line);
  const Json evaluation = ParseJson(line, "line").value();
  EXPECT_EQ(evaluation["eval_loss"], 1.5);
  // What is counted over the steps of a file must not count it.
  for (const char* key : {"loss", "tokens", "seconds"})
    EXPECT_FALSE(evaluation.contains(key)) << key;
}

TEST_F(StepLogTest, AWatcherThatWaitsHoldsUpNobody) {
  std::promise<void> released;
  std::shared_future<void> wait(released.get_future());
  std::atomic<int> told = 0;
  StepLog log(folder_.path() / "steps.jsonl", [&](const StepSeen&) { wait.wait(), ++told; });
  for (uint32_t step = 0; step < 1000; ++step) log.Add(StepNumber(step));
  EXPECT_EQ(told, 0);
  // Nor does a checkpoint wait for the watcher.
  EXPECT_TRUE(log.Sync().ok());
  EXPECT_EQ(StepsInFile().size(), 1000u);
  released.set_value();
}

TEST_F(StepLogTest, AFileThatCannotBeWrittenIsAFailureAndTheWatcherGoesOn) {
  {
    StepLog log(folder_.path() / "nowhere" / "steps.jsonl",
                [&](const StepSeen& step) { told_.push_back(step.step); });
    for (uint32_t step = 0; step < 3; ++step) log.Add(StepNumber(step));
    EXPECT_THAT(std::string(log.Sync().message()), HasSubstr("nowhere/steps.jsonl"));
    EXPECT_FALSE(log.failure().ok());
  }
  EXPECT_THAT(told_, ElementsAre(0, 1, 2));
}

TEST_F(StepLogTest, AppendsBehindATornLineAndReadsBackWhatWasWritten) {
  StepSeen first = StepNumber(0);
  first.loss = 1.25;
  first.skipped = true;
  first.attempt = 3;
  { StepLog(folder_.path() / "steps.jsonl", nullptr).Add(first); }
  std::ofstream(folder_.path() / "steps.jsonl", std::ios::app) << R"({"stage":0,"epo)";
  {
    StepLog log(folder_.path() / "steps.jsonl", nullptr);
    log.Add(StepNumber(1));
    log.Add(EvaluationSeen{.dataset = "train.jsonl", .loss = 1.5, .tokens = 7, .best = true});
  }
  const std::vector<StepEvent> read = ReadStepLog(folder_.path() / "steps.jsonl");
  ASSERT_EQ(read.size(), 3u);
  const auto& step = std::get<StepSeen>(read[0]);
  EXPECT_EQ(step.loss, 1.25);
  EXPECT_TRUE(step.skipped);
  EXPECT_EQ(step.attempt, 3u);
  EXPECT_EQ(std::get<StepSeen>(read[1]).step, 1u);
  EXPECT_TRUE(std::get<EvaluationSeen>(read[2]).best);
  EXPECT_TRUE(ReadStepLog(folder_.path() / "nowhere").empty());
}

}  // namespace
}  // namespace strata
