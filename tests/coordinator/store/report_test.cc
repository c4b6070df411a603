// Goal: incremental_training_results.json keeps the keys that its users read. Method: write one,
// parse it with the JSON door.
#include "coordinator/store/report.h"

#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

using ReportTest = TrainedBranch;

TEST_F(ReportTest, ListsWhatWasTrainedAndWhatFailed) {
  std::filesystem::create_directories(root_);
  RunReport report{"run-1",
                   "2025-10-31T10:40:42Z",
                   "2025-10-31T11:40:42Z",
                   "partial",
                   CandidateOf(1, Version()).stages,
                   {"backup_current_20251031_104042"},
                   {{"total_examples_trained", 30}}};
  const std::filesystem::path file = root_ / "incremental_training_results.json";
  ASSERT_TRUE(WriteReport(file, report, FileSystem::Real()).ok());
  ASSERT_TRUE(WriteReport(file, report, FileSystem::Real()).ok());
  const Json json = *ParseJson(Text(file), "report");
  EXPECT_EQ(json["datasets_trained"][0]["total_examples"], 30);
  EXPECT_EQ(json["datasets_trained"][0]["status"], "trained");
  EXPECT_EQ(json["datasets_trained"][1]["error"], "no good line");
  EXPECT_EQ(json["backups_created"][0], "backup_current_20251031_104042");
  EXPECT_EQ(json["status"], "partial");
  EXPECT_EQ(json["run"], "run-1");
  EXPECT_EQ(json["start_time"], "2025-10-31T10:40:42Z");
}

TEST_F(ReportTest, AMissingOrOlderReportIsWrittenFromTheLedger) {
  CommitRuns(2);
  const RunReport known = **Open().ReportOfNewest();
  const std::filesystem::path file = root_ / "incremental_training_results.json";
  for (const char* before : {"", "{", R"({"run": "run-1"})", R"({"end_time": "2020"})"}) {
    Overwrite(file, before);
    EXPECT_TRUE(*MendReport(file, known, FileSystem::Real())) << before;
    EXPECT_FALSE(*MendReport(file, known, FileSystem::Real())) << before;
  }
  const Json json = *ParseJson(Text(file), "report");
  EXPECT_EQ(json["run"], "run-2");
  EXPECT_EQ(json["datasets_trained"][0]["dataset"], "d2.jsonl");
  EXPECT_EQ(json["datasets_trained"][0]["total_examples"], 20);
  EXPECT_EQ(json["datasets_trained"][0]["left_out"]["too_long"], 4);
  EXPECT_EQ(json["backups_created"][0], "backup_current_20251031_104044");
}

TEST_F(ReportTest, WhatWasMeasuredOnHeldOutRowsIsToldAndMendedFromTheMetadata) {
  Candidate candidate = CandidateOf(1, Version());
  candidate.stages[0].evaluations = {{2, 1.5}, {4, 1.25}, {6, 2}};
  candidate.stages[0].eval_loss = 1.25;
  candidate.stages[0].ended_early = "stopped early after 6 of 9 updates";
  ASSERT_TRUE(Open().Commit(candidate).ok());
  const RunReport known = **Open().ReportOfNewest();
  EXPECT_EQ(known.final_metadata["eval_loss"], 1.25);
  const std::filesystem::path file = root_ / "incremental_training_results.json";
  ASSERT_TRUE(*MendReport(file, known, FileSystem::Real()));
  const Json stage = ParseJson(Text(file), "report").value()["datasets_trained"][0];
  EXPECT_EQ(stage["eval_loss"], 1.25);
  EXPECT_EQ(stage["ended_early"], "stopped early after 6 of 9 updates");
  ASSERT_EQ(stage["evaluations"].size(), 3u);
  EXPECT_EQ(stage["evaluations"][1], (Json{{"after_steps", 4}, {"loss", 1.25}}));
}

TEST_F(ReportTest, AStageThatWasNotEvaluatedHasNoSuchKeys) {
  CommitRuns(1);
  const RunReport known = **Open().ReportOfNewest();
  EXPECT_TRUE(known.final_metadata["eval_loss"].is_null());
  const Json line = known.final_metadata["training_history"][0];
  for (const char* key : {"eval_loss", "evaluations", "ended_early"})
    EXPECT_FALSE(line.contains(key)) << key;
}

TEST_F(ReportTest, TheReportOfALaterRunStays) {
  CommitRuns(1);
  const RunReport known = **Open().ReportOfNewest();
  const std::filesystem::path file = root_ / "incremental_training_results.json";
  for (const char* before : {R"({"run": "run-2"})", R"({"end_time": "2026"})"}) {
    Overwrite(file, before);
    EXPECT_FALSE(*MendReport(file, known, FileSystem::Real())) << before;
    EXPECT_EQ(Text(file), before);
  }
}

TEST_F(ReportTest, ANewBranchHasNoReport) { EXPECT_FALSE(Open().ReportOfNewest()->has_value()); }

TEST_F(ReportTest, TheStartIsReadFromTheRunsId) {
  CommittedVersion commit;
  commit.run = "20251031-104042-3f9a";
  commit.time = "2025-10-31T11:40:42Z";
  EXPECT_EQ(ReportOf(commit, {}, Json()).start_time, "2025-10-31T10:40:42Z");
  commit.run = "mine";
  EXPECT_EQ(ReportOf(commit, {}, Json()).start_time, commit.time);
}

TEST_F(ReportTest, TimesAreUtc) {
  const auto time = std::chrono::system_clock::from_time_t(1761907242);
  EXPECT_EQ(Iso8601(time), "2025-10-31T10:40:42Z");
  EXPECT_EQ(CompactTime(time), "20251031_104042");
}

}  // namespace
}  // namespace strata
