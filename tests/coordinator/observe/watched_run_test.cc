// Goal: a run's folder tells the run as it was, to whoever only reads. Method: folders that the
// run's own writers filled, torn and with lines of another strata in them.
#include "coordinator/observe/watched_run.h"

#include <fstream>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/json.h"
#include "coordinator/run/run_journal.h"
#include "coordinator/run/step_log.h"
#include "gmock/gmock.h"
#include "tests/common/folder.h"
#include "tests/coordinator/observe/small_run.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class WatchedRunTest : public testing::Test {
 protected:
  WatchedRunTest() { Begin("20261130-000000-aaaa"); }

  void Begin(const std::string& run) {
    run_ = folder_.path() / run;
    folder_.Write(run + "/plan.json", DumpJson(PlanToJson(SmallPlan())));
    folder_.Write(run + "/run.json", "{}");
  }
  void Write(const JournalLine& line) {
    auto journal = RunJournal::Open(run_ / "journal.jsonl");
    ASSERT_TRUE(journal.ok() && journal->Append(line).ok());
  }
  void Write(StepEvent event) { StepLog(run_ / "steps.jsonl", nullptr).Add(std::move(event)); }
  WatchedRun Open() {
    auto run = WatchedRun::Open(run_);
    EXPECT_TRUE(run.ok()) << run.status();
    return *std::move(run);
  }
  // "step 0/1/2", "eval", or the line's kind.
  static std::vector<std::string> Names(const std::vector<TimedNews>& news) {
    std::vector<std::string> names;
    for (const TimedNews& one : news) {
      if (const auto* step = std::get_if<StepSeen>(&one.news)) {
        names.push_back("step " + std::to_string(step->stage) + "/" + std::to_string(step->epoch) +
                        "/" + std::to_string(step->step));
      } else if (const auto* line = std::get_if<JournalLine>(&one.news)) {
        names.push_back(line->kind);
      } else {
        names.emplace_back("eval");
      }
    }
    return names;
  }
  Folder folder_;
  std::filesystem::path run_;
};

TEST_F(WatchedRunTest, GivesStepsWithWhatTheyCameTo) {
  WatchedRun run = Open();
  EXPECT_THAT(run.Next(), IsEmpty());
  Write(StepAt(0, 1, 2));
  Write(EvaluationSeen{.stage = 0, .epoch = 1, .step = 2, .dataset = "train.jsonl", .loss = 1.5});
  const std::vector<TimedNews> news = run.Next();
  ASSERT_THAT(Names(news), ElementsAre("step 0/1/2", "eval"));
  const auto& step = std::get<StepSeen>(news[0].news);
  EXPECT_EQ(step.loss, StepAt(0, 1, 2).loss);
  EXPECT_EQ(step.supervised, 40u);
  EXPECT_EQ(news[0].time, news[1].time);
  EXPECT_THAT(run.Next(), IsEmpty());
}

TEST_F(WatchedRunTest, TheEndStandsBehindTheLastStep) {
  WatchedRun run = Open();
  Write(LineOf("attempt", "1 ranks"));
  JournalLine end = LineOf("ended", "v0001 is current");
  end.verdict = Verdict::kCompleted;
  end.resumable = false;
  Write(end);
  StepSeen last = StepAt(1, 0, 1);
  last.time = 1;  // long before the lines' own time
  Write(last);
  const std::vector<TimedNews> news = run.Next();
  EXPECT_THAT(Names(news), ElementsAre("step 1/0/1", "attempt", "ended"));
  EXPECT_EQ(std::get<JournalLine>(news.back().news).verdict, Verdict::kCompleted);
}

TEST_F(WatchedRunTest, StepsAndLinesOfOneSecondStandInTheirOrder) {
  WatchedRun run = Open();
  StepSeen step = StepAt(0, 0, 0);
  Write(LineOf("attempt", "1 ranks"));
  step.time = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  Write(LineOf("lost", "rank 0"));
  Write(step);
  EXPECT_THAT(Names(run.Next()), ElementsAre("attempt", "step 0/0/0", "lost"));
}

TEST_F(WatchedRunTest, ALineThatSaysTheSecondOnlyStandsAtItsEnd) {
  WatchedRun run = Open();
  Write(LineOf("ended", ""));
  std::string line = ReadFile(run_ / "journal.jsonl", 1 << 20).value();
  const size_t time = line.find("\"time\":\"") + 8;
  line.replace(time, line.find('"', time) - time, "2026-11-30T00:00:07Z");
  folder_.Write(run_.filename().string() + "/journal.jsonl", line);
  StepSeen step = StepAt(0, 0, 0);
  step.time = 1795996807.5;  // half a second into it
  Write(step);
  EXPECT_THAT(Names(run.Next()), ElementsAre("step 0/0/0", "ended"));
}

TEST_F(WatchedRunTest, StepsOfALaterAttemptComeAgain) {
  WatchedRun run = Open();
  for (const StepSeen& step : {StepAt(0, 0, 0), StepAt(0, 0, 1), StepAt(0, 0, 1, 2)}) Write(step);
  EXPECT_THAT(Names(run.Next()), ElementsAre("step 0/0/0", "step 0/0/1", "step 0/0/1"));
}

TEST_F(WatchedRunTest, ATornLineOfEitherFileIsWaitedFor) {
  WatchedRun run = Open();
  Write(LineOf("attempt", "1 ranks"));
  Write(StepAt(0, 0, 0));
  std::string steps = ReadFile(run_ / "steps.jsonl", 1 << 20).value();
  std::string journal = ReadFile(run_ / "journal.jsonl", 1 << 20).value();
  std::ofstream(run_ / "steps.jsonl") << steps << steps.substr(0, 20);
  std::ofstream(run_ / "journal.jsonl") << journal << journal.substr(0, 30);
  EXPECT_EQ(run.Next().size(), 2u);
  std::ofstream(run_ / "steps.jsonl", std::ios::app) << steps.substr(20);
  EXPECT_THAT(Names(run.Next()), ElementsAre("step 0/0/0"));
}

TEST_F(WatchedRunTest, PassesOverWhatThePlanDoesNotHave) {
  WatchedRun run = Open();
  Write(StepAt(7, 0, 0));
  Write(StepAt(0, 2, 0));
  Write(StepAt(0, 0, 3));
  std::ofstream(run_ / "steps.jsonl", std::ios::app) << "{\"new\": 1}\nnothing\n";
  std::ofstream(run_ / "journal.jsonl", std::ios::app) << "nothing\n{\"kind\": 3}\n";
  EXPECT_THAT(run.Next(), IsEmpty());
}

TEST_F(WatchedRunTest, TheRunThatWasWrittenToLastIsWatched) {
  const std::filesystem::path first = run_;
  Write(LineOf("attempt", "1 ranks"));
  Begin("20261130-000001-bbbb");
  Write(LineOf("attempt", "1 ranks"));
  const auto later = std::filesystem::file_time_type::clock::now() + std::chrono::hours(1);
  std::filesystem::last_write_time(run_ / "journal.jsonl", later);
  EXPECT_EQ(FolderToWatch(folder_.path(), "").value(), run_);
  std::filesystem::last_write_time(first / "journal.jsonl", later + std::chrono::hours(1));
  EXPECT_EQ(FolderToWatch(folder_.path(), "").value(), first);
  EXPECT_EQ(FolderToWatch(folder_.path(), run_.filename()).value(), run_);
}

TEST_F(WatchedRunTest, NoRunIsNoneYet) {
  EXPECT_TRUE(absl::IsNotFound(FolderToWatch(folder_.path() / "none", "").status()));
  EXPECT_TRUE(absl::IsNotFound(FolderToWatch(folder_.path(), "other").status()));
  std::filesystem::create_directories(folder_.path() / "begun/not");
  EXPECT_TRUE(absl::IsNotFound(FolderToWatch(folder_.path(), "begun").status()));
}

TEST_F(WatchedRunTest, ADamagedPlanIsAnError) {
  folder_.Write(run_.filename().string() + "/plan.json", "{");
  EXPECT_TRUE(absl::IsDataLoss(WatchedRun::Open(run_).status()));
}

}  // namespace
}  // namespace strata
