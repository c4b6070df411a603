// Goal: what Slurm's programs print is read, and nothing else is taken for it. Method: lines that
// Slurm 22.05 printed.
#include "coordinator/slurm/job_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace strata {
namespace {

TEST(JobListingTest, ReadsTheIdThatSbatchPrinted) {
  EXPECT_EQ(ReadJobId("sbatch: warning: something\n12\n"), "12");
  EXPECT_EQ(ReadJobId("12;cluster\n"), "12");
  EXPECT_EQ(ReadJobId("sbatch: error: no\n"), "");
}

TEST(JobListingTest, TellsARefusalFromNoAnswer) {
  EXPECT_EQ(SbatchRefusal("sbatch: error: invalid partition specified: none\n"
                          "sbatch: error: Batch job submission failed: Invalid partition name\n"),
            "sbatch refuses the job: invalid partition specified: none; Batch job submission "
            "failed: Invalid partition name; change the options of strata submit, or sbatch_args "
            "in branch.yaml (sinfo shows the partitions)");
  EXPECT_EQ(SbatchRefusal("sbatch: error: Batch job submission failed: Unable to contact slurm "
                          "controller (connect failure)\n"),
            "");
  EXPECT_EQ(SbatchRefusal("sbatch: error: resolve_ctls_from_dns_srv: res_nsearch error: Unknown "
                          "host\nsbatch: error: fetch_config: DNS SRV lookup failed\n"),
            "");
  EXPECT_EQ(SbatchRefusal("killed\n"), "");
}

TEST(JobListingTest, ReadsSqueuesLines) {
  const auto jobs = ReadSqueue(
      "12_1      |PENDING  |Dependency   |0    |0:00   |          |0    |/a/jobs/submitting.sh |\n"
      "12_0      |FAILED   |NonZeroExitCode|16640|0:09   |n1        |2    |(null)|\n"
      "slurm_load_jobs error: something\n");
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_TRUE(jobs.at("12_1").active());
  EXPECT_EQ(jobs.at("12_1").exit_code, "");
  EXPECT_EQ(jobs.at("12_1").reason, "Dependency");
  EXPECT_FALSE(jobs.at("12_0").active());
  EXPECT_EQ(jobs.at("12_0").exit_code, "65:0");
  EXPECT_EQ(jobs.at("12_0").nodes, "n1");
  EXPECT_EQ(jobs.at("12_0").restarts, "2");
  EXPECT_EQ(jobs.at("12_1").script, "/a/jobs/submitting.sh");
  EXPECT_EQ(jobs.at("12_0").script, "(null)");
}

TEST(JobListingTest, ASignalAndABarInAPathAreRead) {
  const auto jobs = ReadSqueue("7|FAILED|NonZeroExitCode|9|0:09|n1|2|/a|b/jobs/submitting.sh |\n");
  EXPECT_EQ(jobs.at("7").exit_code, "0:9");
  EXPECT_EQ(jobs.at("7").script, "/a|b/jobs/submitting.sh");
}

TEST(JobListingTest, ReadsSacctsLines) {
  const auto jobs = ReadSacct("12_0|CANCELLED by 1000|None|0:0|00:01:02|None assigned\n");
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs.at("12_0").state, "CANCELLED");
  EXPECT_EQ(jobs.at("12_0").reason, "");
  EXPECT_EQ(jobs.at("12_0").nodes, "");
  EXPECT_EQ(jobs.at("12_0").elapsed, "00:01:02");
}

TEST(JobListingTest, WhatACancelledJobLastWaitedForIsNotWhyItEnded) {
  EXPECT_EQ(ReadSqueue("1|CANCELLED|Dependency|0|0:00||0|(null)|\n").at("1").reason, "");
  EXPECT_EQ(ReadSacct("1|CANCELLED by 0|Priority|0:0|00:00:00|\n").at("1").reason, "");
  EXPECT_EQ(ReadSqueue("1|NODE_FAIL|NodeDown|0|0:00||0|(null)|\n").at("1").reason, "NodeDown");
}

TEST(JobListingTest, KnowsAJobThatWillNotStartByItself) {
  const auto jobs = ReadSqueue(
      "1|PENDING|PartitionNodeLimit|0|0:00||0|(null)|\n"
      "2|PENDING|Priority|0|0:00||0|(null)|\n"
      "3|RUNNING|JobHeldUser|0|0:00||0|(null)|\n");
  EXPECT_TRUE(jobs.at("1").cannot_start());
  EXPECT_FALSE(jobs.at("2").cannot_start());
  EXPECT_FALSE(jobs.at("3").cannot_start());
}

TEST(JobListingTest, KnowsIds) {
  EXPECT_TRUE(IsJobId("12"));
  EXPECT_TRUE(IsJobId("12_3"));
  for (const char* other : {"", "12_", "_3", "12_[0-3]", "a", "12.batch", "-5"})
    EXPECT_FALSE(IsJobId(other)) << other;
  EXPECT_EQ(ArrayOf("12_3"), "12");
}

}  // namespace
}  // namespace strata
