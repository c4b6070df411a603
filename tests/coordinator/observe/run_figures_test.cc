// Goal: a run's figures are right whatever befalls it. Method: news of runs that go well, lose
// attempts, go on, fail.
#include "coordinator/observe/run_figures.h"

#include <cmath>

#include "gmock/gmock.h"
#include "tests/coordinator/observe/small_run.h"

namespace strata {
namespace {

class RunTallyTest : public testing::Test {
 protected:
  void Take(RunNews news, int seconds = 0) { tally_.Take(Told(std::move(news), seconds)); }
  const RunFigures& figures() const { return tally_.figures(); }
  void TakeEnd(Verdict verdict, bool resumable, const std::string& words) {
    JournalLine end = LineOf("ended", words);
    end.verdict = verdict;
    end.resumable = resumable;
    Take(end);
  }
  RunTally tally_{SmallPlan(), std::nullopt};
};

TEST_F(RunTallyTest, CountsAlongThePlan) {
  Take(LineOf("attempt", "2 ranks"));
  EXPECT_EQ(figures().state, "starting");
  Take(LineOf("joined", "rank 1"));
  Take(LineOf("joined", "rank 0"));
  Take(StepAt(1, 0, 0));
  EXPECT_EQ(figures().state, "training");
  EXPECT_EQ(figures().ranks, 2);
  EXPECT_EQ(figures().steps_done, 7u);
  EXPECT_EQ(figures().steps_planned, 8u);
  EXPECT_EQ(figures().stage, 2u);
  EXPECT_EQ(figures().dataset, "more.jsonl");
  EXPECT_EQ(figures().tokens_per_second, 200);
}

TEST_F(RunTallyTest, StepsThatAreDoneAgainCountAsWorkButNotAsHeadway) {
  for (uint32_t step = 0; step < 3; ++step) Take(StepAt(0, 0, step));
  Take(LineOf("lost", "rank 1 died"));
  Take(LineOf("attempt", "2 ranks, from there", 2));
  EXPECT_EQ(figures().ranks, 0);
  EXPECT_EQ(figures().state, "starting");
  Take(StepAt(0, 0, 1, 2));
  EXPECT_EQ(figures().steps_done, 2u);
  EXPECT_EQ(figures().steps, 4u);
  EXPECT_EQ(figures().tokens, 400u);
  EXPECT_EQ(figures().restarts, 1u);
  EXPECT_EQ(figures().attempt, 2u);
}

TEST_F(RunTallyTest, ARunThatGoesOnBeginsWhereItWas) {
  const RunTally tally(SmallPlan(), Position{0, 1, 1});
  EXPECT_EQ(tally.figures().steps_done, 4u);
  EXPECT_EQ(tally.figures().steps, 0u);
}

TEST_F(RunTallyTest, ACheckpointHasItsTimeAndSize) {
  JournalLine line = LineOf("checkpoint", "there");
  line.checkpoint = Checkpoint{{0, 0, 2}, AttemptId(1), {}};
  Take(line, 30);
  Take(CheckpointSeen{*line.checkpoint, 1234}, 30);
  EXPECT_EQ(figures().checkpoints, 1u);
  EXPECT_EQ(figures().checkpoint_time, 1796000030);
  EXPECT_EQ(figures().checkpoint_bytes, 1234u);
}

TEST_F(RunTallyTest, TheJournalTellsTheEnd) {
  EXPECT_FALSE(figures().ended());
  TakeEnd(Verdict::kCompleted, false, "v0001 is current");
  EXPECT_EQ(figures().state, "completed");
  EXPECT_TRUE(figures().ended());
  EXPECT_EQ(figures().reason, "v0001 is current");
  TakeEnd(Verdict::kInterrupted, true, "stopped as asked");
  EXPECT_EQ(figures().state, "interrupted");
  TakeEnd(Verdict::kFailed, true, "the disk is full");
  EXPECT_EQ(figures().state, "failed");
}

TEST_F(RunTallyTest, ARunThatLostADatasetIsPartial) {
  JournalLine failed = LineOf("stage", "put back");
  failed.stage = 0;
  failed.data_error = "not finite";
  Take(failed);
  TakeEnd(Verdict::kCompleted, false, "v0001 is current");
  EXPECT_EQ(figures().state, "partial");
}

TEST_F(RunTallyTest, ADatasetThatCouldNotBePlannedMakesItPartialToo) {
  Plan plan = SmallPlan();
  plan.skipped.push_back({"bad.jsonl", "", "no good line", /*is_error=*/true});
  RunTally tally(plan, std::nullopt);
  JournalLine end = LineOf("ended", "v0001 is current");
  end.verdict = Verdict::kCompleted;
  tally.Take(Told(end));
  EXPECT_EQ(tally.figures().state, "partial");
}

TEST_F(RunTallyTest, AJournalOfBeforeHasNoVerdict) {
  JournalLine end = LineOf("ended", "");
  end.resumable = false;
  Take(end);
  EXPECT_EQ(figures().state, "completed");
  end.words = "the adapter is refused";
  Take(end);
  EXPECT_EQ(figures().state, "failed");
  end.resumable = true;
  Take(end);
  EXPECT_EQ(figures().state, "interrupted");
}

TEST_F(RunTallyTest, ARunThatIsGoneOnWithHasNotEnded) {
  TakeEnd(Verdict::kInterrupted, true, "stopped as asked");
  Take(LineOf("attempt", "1 ranks", 2));
  EXPECT_FALSE(figures().ended());
  EXPECT_EQ(figures().reason, "");
}

TEST_F(RunTallyTest, JsonHasNullForWhatIsNotThere) {
  EXPECT_TRUE(FiguresJson(figures())["loss"].is_null());
  Take(StepAt(0, 0, 1));
  EXPECT_EQ(FiguresJson(figures())["loss"], 0.01);
}

}  // namespace
}  // namespace strata
