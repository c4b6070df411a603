// Goal: a run's journal gives back every decision that was kept in it. Method: lines of each kind,
// written by one object and read by another; files that were changed.
#include "coordinator/run/run_journal.h"

#include <fstream>

#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

class RunJournalTest : public testing::Test {
 protected:
  std::filesystem::path file() const { return folder_.path() / "journal.jsonl"; }
  void Append(const JournalLine& line) {
    absl::StatusOr<RunJournal> journal = RunJournal::Open(file());
    ASSERT_TRUE(journal.ok()) << journal.status();
    EXPECT_TRUE(journal->Append(line).ok());
  }
  Folder folder_;
};

TEST_F(RunJournalTest, GivesBackWhatWasKept) {
  JournalLine stage{.kind = "stage", .words = "trained", .attempt = AttemptId(2)};
  stage.stage = 1;
  stage.adapter = Sha256Of("adapter");
  stage.end = StageEnd{7, "stopped early"};
  JournalLine failed{.kind = "stage", .words = "put back", .attempt = AttemptId(2)};
  failed.stage = 2;
  failed.data_error = "no loss";
  JournalLine saved{.kind = "checkpoint", .words = "there", .attempt = AttemptId(2)};
  saved.checkpoint = Checkpoint{{1, 2, 3}, AttemptId(2), Sha256Of("state")};
  for (const JournalLine& line : {stage, failed, saved}) Append(line);

  const auto journal = RunJournal::Open(file());
  ASSERT_TRUE(journal.ok());
  ASSERT_EQ(journal->lines().size(), 3u);
  EXPECT_EQ(journal->lines()[0].stage, 1u);
  EXPECT_EQ(journal->lines()[0].adapter, stage.adapter);
  EXPECT_EQ(journal->lines()[0].end, stage.end);
  EXPECT_EQ(journal->lines()[1].data_error, "no loss");
  EXPECT_EQ(journal->lines()[2].attempt, AttemptId(2));
  EXPECT_EQ(journal->Checkpoints(), std::vector{*saved.checkpoint});
  EXPECT_FALSE(journal->closed());
}

TEST_F(RunJournalTest, GivesBackEachVerdict) {
  for (const Verdict verdict : {Verdict::kCompleted, Verdict::kFailed, Verdict::kInterrupted}) {
    JournalLine ended{.kind = "ended", .words = "there", .attempt = AttemptId(1)};
    ended.verdict = verdict;
    Append(ended);
    EXPECT_EQ(RunJournal::Open(file())->lines().back().verdict, verdict);
  }
}

TEST_F(RunJournalTest, IsClosedByALastLineThatNothingGoesOnFrom) {
  JournalLine ended{.kind = "ended", .words = "interrupted", .attempt = AttemptId(1)};
  ended.resumable = true;
  Append(ended);
  EXPECT_FALSE(RunJournal::Open(file())->closed());
  Append({.kind = "attempt", .words = "1 ranks", .attempt = AttemptId(2)});
  ended.resumable = false;
  Append(ended);
  EXPECT_TRUE(RunJournal::Open(file())->closed());
}

TEST_F(RunJournalTest, ATornLineIsPassedOverAndAChangedOneIsDataLoss) {
  Append({.kind = "attempt", .words = "1 ranks", .attempt = AttemptId(1)});
  std::ofstream(file(), std::ios::app) << R"({"format":1,"se)";
  EXPECT_EQ(RunJournal::Open(file())->lines().size(), 1u);
  std::string text = folder_.Read("journal.jsonl");
  text[text.find("ranks")] = 'R';
  std::ofstream(file()) << text;
  EXPECT_TRUE(absl::IsDataLoss(RunJournal::Open(file()).status()));
}

TEST_F(RunJournalTest, AMissingFileHasNoLines) {
  EXPECT_TRUE(RunJournal::Open(file())->lines().empty());
}

}  // namespace
}  // namespace strata
