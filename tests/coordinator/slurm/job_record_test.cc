// Goal: the record of a branch's jobs survives what can happen to a file. Method: a temporary
// folder.
#include "coordinator/slurm/job_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "coordinator/slurm/job_script.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

class JobRecordTest : public testing::Test {
 protected:
  JobRecordTest() { std::filesystem::create_directories(JobsDir(branch_)); }
  void Record(const std::string& job) {
    ASSERT_TRUE(
        RecordJob(branch_, {job, "strata-x", "2026-01-01T00:00:00Z", "/s.sh"}, FileSystem::Real())
            .ok());
  }
  void Append(const std::string& text) {
    std::ofstream(JobsDir(branch_) / "jobs.jsonl", std::ios::app) << text;
  }
  std::vector<std::string> Jobs() {
    std::vector<std::string> jobs;
    const auto records = ReadJobRecords(branch_);
    for (const JobRecord& record : *records) jobs.push_back(record.job);
    return jobs;
  }
  Folder folder_;
  std::filesystem::path branch_ = folder_.path();
};

TEST_F(JobRecordTest, IsEmptyBeforeTheFirstJob) { EXPECT_TRUE(Jobs().empty()); }

TEST_F(JobRecordTest, IsReadBack) {
  Record("12_3");
  const JobRecord expected{"12_3", "strata-x", "2026-01-01T00:00:00Z", "/s.sh"};
  EXPECT_THAT(*ReadJobRecords(branch_), testing::ElementsAre(expected));
}

TEST_F(JobRecordTest, ThoseOfABranchThatThisIsACopyOfAreNotItsOwn) {
  JobRecord record{"1", "strata-x", "2026-01-01T00:00:00Z", "/s.sh", branch_ / "original"};
  ASSERT_TRUE(RecordJob(branch_, record, FileSystem::Real()).ok());
  EXPECT_TRUE(Jobs().empty());
  record.branch = std::filesystem::weakly_canonical(branch_);
  ASSERT_TRUE(RecordJob(branch_, record, FileSystem::Real()).ok());
  EXPECT_THAT(Jobs(), testing::ElementsAre("1"));
}

TEST_F(JobRecordTest, ATornLineTakesNoOtherWithIt) {
  Record("1");
  Append("{\"job\": \"2\", \"na");
  Record("3");
  EXPECT_THAT(Jobs(), testing::ElementsAre("1", "3"));
}

TEST_F(JobRecordTest, WhatIsNoJobsIdNeverReachesACommandLine) {
  Append("{\"job\":\"--all\",\"name\":\"\",\"submitted\":\"\",\"script\":\"\"}\n");
  EXPECT_TRUE(Jobs().empty());
}

TEST_F(JobRecordTest, OneSubmissionAtATime) {
  const auto held = HoldSubmissions(branch_, FileSystem::Real());
  ASSERT_TRUE(held.ok());
  EXPECT_EQ(HoldSubmissions(branch_, FileSystem::Real()).status().code(),
            absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace strata
