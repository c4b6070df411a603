// Goal: what a group of ranks told, or did not tell, becomes a finding that names the rank at
// fault. Method: groups made of the lines that ranks write, judged.
#include "coordinator/doctor/ranks.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class RanksTest : public testing::Test {
 protected:
  void Told(int rank, const std::string& event, const std::string& fields) {
    absl::StrAppend(&output_, R"({"probe":")", event, R"(","rank":)", rank, fields, "}\n");
  }
  void Started(int rank) { Told(rank, "started", R"(,"host":"node)" + std::to_string(rank) + '"'); }
  void Joined(int rank) {
    Started(rank);
    Told(rank, "joined", absl::StrCat(R"(,"host":"node)", rank, R"(","device":"cuda:0")"));
  }
  void Reduced(int rank, int wrong = 0) {
    Joined(rank);
    Told(rank, "reduced", absl::StrCat(R"(,"bytes":4000000,"seconds":0.002,"wrong":)", wrong));
  }
  void Speed(int rank, int float32, int bfloat16) {
    Told(rank, "speed", absl::StrCat(R"(,"float32":)", float32, R"(,"bfloat16":)", bfloat16));
  }
  void Say(const std::string& words) { absl::StrAppend(&output_, words, "\n"); }
  GroupRun Run(bool clean, bool timed_out = false) {
    return {.ranks = 2,
            .report = ReadWorkerReport(output_),
            .clean = clean,
            .timed_out = timed_out,
            .how = "mpirun's exit status 1",
            .patience = std::chrono::seconds(7),
            .log = "/tmp/d.log"};
  }
  void ExpectProblem(const GroupRun& run, const std::string& found, const std::string& remedy) {
    const Finding finding = JudgeAllReduce(run);
    EXPECT_EQ(finding.state, Health::kProblem);
    EXPECT_THAT(finding.found, HasSubstr(found));
    EXPECT_THAT(finding.remedy, HasSubstr(remedy));
  }
  std::string output_;
};

TEST_F(RanksTest, SumsThatAreRightAreToldWithHostsTimeAndRate) {
  Reduced(0);
  Reduced(1);
  const Finding finding = JudgeAllReduce(Run(true));
  EXPECT_EQ(finding.state, Health::kOk);
  EXPECT_THAT(finding.found, AllOf(HasSubstr("node0 (1 × cuda), node1 (1 × cuda)"),
                                   HasSubstr("4.0 MB in 2.00 ms, 2.0 GB/s, sums right")));
}

TEST_F(RanksTest, WrongSumsAreAProblemThoughTheGroupEndedWell) {
  Reduced(0);
  Reduced(1, 3);
  ExpectProblem(Run(true), "rank 1 got wrong sums", "another MPI");
}

TEST_F(RanksTest, AHangIsNamedByWhereItStands) {
  Started(0);
  ExpectProblem(Run(false, true), "ended after 7 s: rank 1 never started", "mpirun_args");
  Started(1);
  ExpectProblem(Run(false, true), "ranks 0, 1 started but did not join", "firewall");
  Joined(0);
  Joined(1);
  Reduced(0);
  ExpectProblem(Run(false, true), "rank 1 joined but did not come to the sum", "NCCL_DEBUG");
  Reduced(1);
  ExpectProblem(Run(false, true), "the group did not end", "/tmp/d.log");
}

TEST_F(RanksTest, WhatMpirunSaysDecidesTheRemedy) {
  Say(R"(mpirun: Error: unknown option "--no-such-flag")");
  ExpectProblem(Run(false), "--no-such-flag", "mpirun_args");
  output_.clear();
  Say("strata-worker: this host has 1 CUDA devices for 2 ranks; start one rank for each");
  ExpectProblem(Run(false), "1 CUDA devices for 2 ranks", "workers: one for each device");
  output_.clear();
  Say("something that nobody has seen before");
  ExpectProblem(Run(false), "nobody has seen", "read /tmp/d.log");
}

TEST_F(RanksTest, ACleanEndWithoutSumsIsAProblem) {
  ExpectProblem(Run(true), "ranks 0, 1 never started", "/tmp/d.log");
}

TEST_F(RanksTest, BfloatSlowerThanFloatIsAWarningWhereItIsAskedFor) {
  Reduced(0);
  Speed(0, 100, 10);
  EXPECT_EQ(JudgeSpeed(Run(true), "float32").state, Health::kOk);
  EXPECT_EQ(JudgeSpeed(Run(true), "").state, Health::kOk);
  const Finding finding = JudgeSpeed(Run(true), "bfloat16");
  EXPECT_EQ(finding.state, Health::kWarning);
  EXPECT_THAT(finding.remedy, HasSubstr("dtype: float32"));
}

TEST_F(RanksTest, ARankThatHoldsUpTheOthersIsNamed) {
  Reduced(0);
  Reduced(1);
  Speed(0, 100, 200);
  Speed(1, 30, 60);
  const Finding finding = JudgeSpeed(Run(true), "float32");
  EXPECT_EQ(finding.state, Health::kWarning);
  EXPECT_THAT(finding.found, AllOf(HasSubstr("rank 1 on node1"), HasSubstr("100")));
}

TEST_F(RanksTest, SpeedThatWasNotMeasuredIsNotTried) {
  EXPECT_EQ(JudgeSpeed(Run(true), "").state, Health::kNotTried);
  Reduced(0);
  EXPECT_EQ(JudgeSpeed(Run(true), "").state, Health::kNotTried);
}

}  // namespace
}  // namespace strata
