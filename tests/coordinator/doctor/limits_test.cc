// Goal: limits are judged by what so many ranks need, and the remedy is one that can work.
// Method: figures of limits, judged.
#include "coordinator/doctor/limits.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::HasSubstr;

TEST(LimitsTest, OpenFilesGrowWithTheRanks) {
  EXPECT_EQ(JudgeOpenFiles({72, 4096}, 2).state, Health::kOk);
  EXPECT_EQ(JudgeOpenFiles({71, 4096}, 2).state, Health::kProblem);
  EXPECT_EQ(JudgeOpenFiles({1024, 1024}, 64).state, Health::kOk);
  EXPECT_EQ(JudgeOpenFiles({256, 1024}, 64).state, Health::kProblem);
}

TEST(LimitsTest, AHardLimitThatIsTooLowIsNotRaisedByTheShell) {
  EXPECT_THAT(JudgeOpenFiles({32, 4096}, 2).remedy, HasSubstr("ulimit -n 4096"));
  EXPECT_THAT(JudgeOpenFiles({32, 1024}, 2).remedy, HasSubstr("ulimit -n 1024"));
  EXPECT_THAT(JudgeOpenFiles({32, 64}, 2).remedy, HasSubstr("limits.conf"));
}

TEST(LimitsTest, MoreRanksThanCoresIsAWarningWithTheNumber) {
  EXPECT_EQ(JudgeCores({.usable = 4}, 4).state, Health::kOk);
  const Finding finding = JudgeCores({.usable = 4}, 5);
  EXPECT_EQ(finding.state, Health::kWarning);
  EXPECT_EQ(finding.remedy, "workers: 4");
}

TEST(LimitsTest, AQuotaBelowTheCoresIsAWarning) {
  EXPECT_EQ(JudgeCores({.usable = 8, .quota = 8}, 2).state, Health::kOk);
  const Finding finding = JudgeCores({.usable = 64, .quota = 2.5}, 2);
  EXPECT_EQ(finding.state, Health::kWarning);
  EXPECT_THAT(finding.found, HasSubstr("quota of 2.5"));
  EXPECT_THAT(finding.remedy, HasSubstr("taskset -c 0-1 "));
}

TEST(LimitsTest, SharedMemoryIsWantedForEachRank) {
  const uint64_t docker = uint64_t{64} << 20;  // its default
  EXPECT_EQ(JudgeSharedMemory({.free_bytes = docker}, 4).state, Health::kOk);
  const Finding finding = JudgeSharedMemory({.free_bytes = docker}, 8);
  EXPECT_EQ(finding.state, Health::kWarning);
  EXPECT_THAT(finding.remedy, HasSubstr("--shm-size"));
  EXPECT_EQ(JudgeSharedMemory({.read_only = true, .free_bytes = docker}, 1).state,
            Health::kWarning);
}

}  // namespace
}  // namespace strata
