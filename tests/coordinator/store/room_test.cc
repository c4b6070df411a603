// Goal: a disk without room is named before anything is written to it. Method: a FileSystem that
// says what is free.
#include "coordinator/store/room.h"

#include <map>

#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

using testing::HasSubstr;

// Free space by what a folder is called.
class SmallDisks : public FileSystem {
 public:
  absl::StatusOr<FreeSpace> FreeSpaceOf(const std::filesystem::path& folder) override {
    const auto at = disks.find(folder.filename().string());
    if (at == disks.end()) return absl::UnavailableError("not known");
    return at->second;
  }
  std::map<std::string, FreeSpace> disks;
};

class RoomTest : public TrainedBranch {
 protected:
  SmallDisks files_;
};

TEST_F(RoomTest, SaysNeedHaveAndFolder) {
  files_.disks["a"] = {2'000'000, 100, true, 1};
  EXPECT_TRUE(CheckRoom({{"/x/a", 2'000'000, 100, "this"}}, &files_).ok());
  const absl::Status bytes = CheckRoom({{"/x/a", 2'000'001, 1, "this"}}, &files_);
  EXPECT_TRUE(absl::IsResourceExhausted(bytes));
  for (const char* words : {"no room for this", "2.0 MB", "/x/a"})
    EXPECT_THAT(std::string(bytes.message()), HasSubstr(words));
  const absl::Status inodes = CheckRoom({{"/x/a", 1, 101, "this"}}, &files_);
  EXPECT_TRUE(absl::IsResourceExhausted(inodes));
  EXPECT_THAT(std::string(inodes.message()), HasSubstr("100 inodes"));
}

TEST_F(RoomTest, NeedsOnOneDiskAddUpAndOnTwoDoNot) {
  files_.disks["a"] = {1000, 0, false, 1};
  files_.disks["b"] = {1000, 0, false, 1};
  const std::vector<RoomNeed> needs = {{"/a", 600, 9, "one"}, {"/b", 600, 9, "two"}};
  const absl::Status checked = CheckRoom(needs, &files_);
  EXPECT_THAT(std::string(checked.message()), HasSubstr("one and two"));
  files_.disks["b"].device = 2;
  EXPECT_TRUE(CheckRoom(needs, &files_).ok());
}

TEST_F(RoomTest, WhatIsNotKnownIsNoReasonToRefuse) {
  EXPECT_TRUE(CheckRoom({{"/unknown", UINT64_MAX, 1, "this"}}, &files_).ok());
}

TEST_F(RoomTest, ARealDiskAnswersForAFolderThatIsNotThereYet) {
  const auto free = FileSystem::Real()->FreeSpaceOf(root_ / "not" / "yet");
  ASSERT_TRUE(free.ok()) << free.status();
  EXPECT_GT(free->bytes, 0u);
}

TEST_F(RoomTest, ACommitWithoutRoomWritesNothingAndTheNextWorks) {
  CommitRuns(1);
  const std::string ledger = Text(LedgerFile());
  files_.disks["versions"] = {1'000'000, 1000, true, 1};
  BranchStore store = Open(&files_);
  const absl::Status refused = store.Commit(CandidateOf(2, Version(1))).status();
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_EQ(Text(LedgerFile()), ledger);
  EXPECT_EQ(Names("versions").size(), 1u);
  files_.disks["versions"].bytes = 2'000'000;
  files_.disks["versions"].files = 3;
  EXPECT_THAT(std::string(store.Commit(CandidateOf(2, Version(1))).status().message()),
              HasSubstr("3 inodes"));
  files_.disks.clear();
  EXPECT_TRUE(store.Commit(CandidateOf(2, Version(1))).ok());
}

}  // namespace
}  // namespace strata
