// Goal: who watches a run, or where its log lies, never holds it up, and nothing that was added is
// lost. Method: a watcher that waits, a folder that is not there.
#include "coordinator/run/step_log.h"

#include <atomic>
#include <future>

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
  std::vector<std::string> failures_;
};

TEST_F(StepLogTest, EveryStepIsWrittenAndToldInOrder) {
  {
    StepLog log(
        folder_.path() / "steps.jsonl", [&](const StepSeen& step) { told_.push_back(step.step); },
        nullptr);
    for (uint32_t step = 0; step < 3; ++step) log.Add(StepNumber(step));
  }
  EXPECT_THAT(StepsInFile(), ElementsAre(0, 1, 2));
  EXPECT_THAT(told_, ElementsAre(0, 1, 2));
}

TEST_F(StepLogTest, AnEvaluationStandsBetweenItsStepsUnderOtherKeys) {
  std::vector<double> losses;
  {
    StepLog log(folder_.path() / "steps.jsonl", nullptr, nullptr,
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
  StepLog log(
      "", [&](const StepSeen&) { wait.wait(), ++told; }, nullptr);
  for (uint32_t step = 0; step < 1000; ++step) log.Add(StepNumber(step));
  EXPECT_EQ(told, 0);
  released.set_value();
}

TEST_F(StepLogTest, AFileThatCannotBeWrittenIsToldOnceAndTheWatcherGoesOn) {
  {
    StepLog log(
        folder_.path() / "nowhere" / "steps.jsonl",
        [&](const StepSeen& step) { told_.push_back(step.step); },
        [&](const std::string& why) { failures_.push_back(why); });
    for (uint32_t step = 0; step < 3; ++step) log.Add(StepNumber(step));
  }
  EXPECT_THAT(failures_, ElementsAre(HasSubstr("nowhere/steps.jsonl")));
  EXPECT_THAT(told_, ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace strata
