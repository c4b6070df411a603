// Goal: what a disk did not do is told with a remedy that fits that disk; a trial leaves nothing.
// Method: trials on a real folder, and trials of disks that are not there, judged.
#include "coordinator/doctor/disk.h"

#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

using testing::HasSubstr;

Finding Judged(const Disk& disk, const DiskTrial& trial) {
  return JudgeTrial("disk adapters", "/branch/adapters", disk, trial);
}

DiskTrial Failing(absl::Status status) {
  DiskTrial trial;
  trial.failed = std::move(status);
  return trial;
}

TEST(DiskTest, ATrialMeasuresALocalDiskAndLeavesNothing) {
  const Folder folder;
  const DiskTrial trial = TryDisk(folder.path());
  EXPECT_TRUE(trial.failed.ok()) << trial.failed;
  EXPECT_TRUE(trial.locks);
  EXPECT_GT(trial.fsync_median.count(), 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(DiskTest, ATrialInWhatIsNoFolderFails) {
  const Folder folder;
  EXPECT_FALSE(TryDisk(folder.Write("file", "")).failed.ok());
  EXPECT_EQ(folder.Read("file"), "");
}

TEST(DiskTest, ADiskThatIsThereIsNamed) {
  const absl::StatusOr<Disk> disk = DiskOf("/proc");
  ASSERT_TRUE(disk.ok()) << disk.status();
  EXPECT_THAT(disk->type, HasSubstr("0x9fa0"));
  EXPECT_FALSE(DiskOf("/nowhere/at/all").ok());
}

TEST(DiskTest, ADiskThatDoesNotLockIsAProblemWithItsMountOption) {
  DiskTrial trial;
  trial.locks = false;
  const Finding lustre = Judged({.type = "lustre", .network = true}, trial);
  EXPECT_EQ(lustre.state, Health::kProblem);
  EXPECT_THAT(lustre.found, HasSubstr("lustre, over the network"));
  EXPECT_THAT(lustre.remedy, HasSubstr("-o flock"));
  EXPECT_THAT(Judged({.type = "nfs", .network = true}, trial).remedy, HasSubstr("nolock"));
}

TEST(DiskTest, TheRemedyFollowsTheFailure) {
  EXPECT_THAT(Judged({}, Failing(absl::ResourceExhaustedError("full"))).remedy, HasSubstr("df -h"));
  EXPECT_THAT(Judged({}, Failing(absl::PermissionDeniedError("no"))).remedy, HasSubstr("chown"));
  EXPECT_THAT(Judged({.read_only = true}, Failing(absl::PermissionDeniedError("no"))).remedy,
              HasSubstr("remount,rw"));
  EXPECT_THAT(Judged({}, Failing(absl::UnavailableError("I/O error"))).remedy, HasSubstr("dmesg"));
}

TEST(DiskTest, ASlowOrForgetfulDiskIsAWarning) {
  DiskTrial slow;
  slow.fsync_median = std::chrono::milliseconds(300);
  EXPECT_EQ(Judged({.type = "nfs"}, slow).state, Health::kWarning);
  EXPECT_THAT(Judged({.type = "nfs"}, slow).found, HasSubstr("300.0 ms"));
  EXPECT_EQ(Judged({.type = "tmpfs", .memory = true}, {}).state, Health::kWarning);
  EXPECT_EQ(Judged({.type = "ext4"}, {}).state, Health::kOk);
}

TEST(DiskTest, SpaceIsComparedWithACommitAndWithWhatTheBranchGrowsTo) {
  const SpaceNeed need{.adapter_bytes = 1'000'000, .text_bytes = 0, .keep_backups = 5};
  const auto state = [&](uint64_t free) {
    return JudgeSpace("/b", {.free_bytes = free}, need).state;
  };
  EXPECT_EQ(state(2'999'999), Health::kProblem);
  EXPECT_EQ(state(3'000'000), Health::kWarning);
  EXPECT_EQ(state(12'999'999), Health::kWarning);
  EXPECT_EQ(state(13'000'000), Health::kOk);
  const Finding finding = JudgeSpace("/b", {.free_bytes = 1}, need);
  EXPECT_THAT(finding.found, testing::AllOf(HasSubstr("3.0 MB"), HasSubstr("13 MB")));
}

TEST(DiskTest, NoInodesIsAProblemWhereTheyAreCounted) {
  const Disk counted{.free_bytes = UINT64_MAX, .files = 1000, .free_files = 3};
  EXPECT_EQ(JudgeSpace("/b", counted, {}).state, Health::kProblem);
  EXPECT_THAT(JudgeSpace("/b", counted, {}).remedy, HasSubstr("df -i"));
  EXPECT_EQ(JudgeSpace("/b", {.free_bytes = UINT64_MAX, .files = 0}, {}).state, Health::kOk);
}

}  // namespace
}  // namespace strata
