// Goal: a training begins on a branch that is whole, or falls back in the open, and is refused
// before it begins when the disk has no room for it. Method: small branches of the store, damaged;
// a FileSystem that says what is free.
#include "coordinator/run/branch_start.h"

#include "coordinator/run/training_room.h"
#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class SmallDisk : public FileSystem {
 public:
  absl::StatusOr<FreeSpace> FreeSpaceOf(const std::filesystem::path&) override { return free; }
  FreeSpace free{uint64_t{1} << 40, 1 << 20, true, 1};
};

class BranchStartTest : public TrainedBranch {
 protected:
  std::vector<std::string> Start(bool replaces_all, absl::Status* status) const {
    std::vector<std::string> said;
    BranchStore store = Open();
    *status = StartBranch(replaces_all, &store,
                          [&](const std::string& sentence) { said.push_back(sentence); });
    return said;
  }
  absl::Status status_;
};

TEST_F(BranchStartTest, AWholeBranchSaysNothing) {
  CommitRuns(2);
  EXPECT_THAT(Start(false, &status_), IsEmpty());
  EXPECT_TRUE(status_.ok());
}

TEST_F(BranchStartTest, ADamagedCurrentFallsBackInTheOpen) {
  CommitRuns(2);
  DamageVersion("v0002");
  EXPECT_THAT(Start(false, &status_), Contains(HasSubstr("FELL BACK: v0001")));
  EXPECT_TRUE(status_.ok()) << status_;
  EXPECT_EQ(ValueBehind("current"), 1);
}

TEST_F(BranchStartTest, WithNothingWholeOnlyARebuildGoesOn) {
  CommitRuns(1);
  DamageVersion("v0001");
  Start(false, &status_);
  EXPECT_TRUE(absl::IsDataLoss(status_));
  EXPECT_THAT(Start(true, &status_), Contains(HasSubstr("strata rebuild")));
  EXPECT_TRUE(status_.ok()) << status_;
}

TEST_F(BranchStartTest, ALostLedgerStopsAllOfThem) {
  CommitRuns(1);
  std::filesystem::remove(LedgerFile());
  for (const bool replaces_all : {false, true}) {
    EXPECT_THAT(Start(replaces_all, &status_), IsEmpty());
    EXPECT_TRUE(absl::IsDataLoss(status_));
  }
}

TEST_F(BranchStartTest, ATrainingWithoutRoomIsRefusedWithBothFigures) {
  CommitRuns(2);
  Config config;
  config.branch = root_;
  Base base;
  base.layout.elements = 1'000'000;
  SmallDisk files;
  EXPECT_TRUE(CheckTrainingRoom(config, base, Open(), &files).ok());
  files.free.bytes = 20'000'000;  // 7 adapters of 4 MB are needed
  const absl::Status refused = CheckTrainingRoom(config, base, Open(), &files);
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("20.0 MB left"));
  files.free = {uint64_t{1} << 40, 10, true, 1};
  EXPECT_THAT(std::string(CheckTrainingRoom(config, base, Open(), &files).message()),
              HasSubstr("10 inodes"));
}

}  // namespace
}  // namespace strata
