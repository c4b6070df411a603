// Goal: a mirror has every version that the branch names, whole copies come back from it, and it is
// never a reason to fail. Method: two branches of one name share a mirror; disks go away, fill up
// and lie.
#include "coordinator/store/mirror.h"

#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

const BranchStore::Time kNow = std::chrono::system_clock::from_time_t(1761990000);

class FullDisk : public FileSystem {
 public:
  explicit FullDisk(std::string folder) : folder_(std::move(folder)) {}
  absl::StatusOr<FreeSpace> FreeSpaceOf(const fs::path& folder) override {
    const bool is_full = folder.string().find(folder_) != std::string::npos;
    return FreeSpace{is_full ? uint64_t{1000} : uint64_t{1} << 40, 1000, true, is_full ? 1u : 2u};
  }

 private:
  const std::string folder_;
};

class MirrorTest : public TrainedBranch {
 protected:
  void SetUp() override {
    TrainedBranch::SetUp();
    fs::create_directories(root_ / "mirror");
  }
  BranchStore OpenMirrored(FileSystem* files = FileSystem::Real()) const {
    return *BranchStore::Open(adapters_, files, Mirror());
  }
  CommitOutcome Commit(uint32_t run, FileSystem* files = FileSystem::Real(),
                       uint32_t keep_backups = 1) const {
    BranchStore store = OpenMirrored(files);
    Candidate candidate = CandidateOf(run, store.current());
    candidate.keep_backups = keep_backups;
    const absl::StatusOr<CommitOutcome> outcome = store.Commit(candidate);
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.value_or(CommitOutcome());
  }
  fs::path Mirror() const { return root_ / "mirror" / "name"; }
  std::vector<std::string> Copies() const {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(Mirror(), error))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
};

TEST_F(MirrorTest, HasWhatTheBranchAndItsBackupsHaveAndNoMore) {
  for (uint32_t run = 1; run <= 5; ++run) EXPECT_EQ(Commit(run).mirror_pending, "");
  EXPECT_THAT(Copies(),
              ElementsAre(StartsWith("v0003-"), StartsWith("v0004-"), StartsWith("v0005-")));
  EXPECT_EQ(ValueBehind((Mirror() / Copies()[2]).string()), 5);
  EXPECT_THAT(*OpenMirrored().Verify(), IsEmpty());
}

TEST_F(MirrorTest, KeepsPinsAndParkedVersions) {
  Commit(1);
  ASSERT_TRUE(OpenMirrored().Pin("mine", "v0001", kNow).ok());
  for (uint32_t run = 2; run <= 4; ++run) Commit(run, FileSystem::Real(), 0);
  EXPECT_THAT(Copies(),
              ElementsAre(StartsWith("v0001-"), StartsWith("v0003-"), StartsWith("v0004-")));
}

TEST_F(MirrorTest, AMirrorThatIsAwayIsToldAndCaughtUp) {
  fs::remove(root_ / "mirror");
  const CommitOutcome outcome = Commit(1);
  EXPECT_THAT(outcome.mirror_pending, HasSubstr("is no folder; mount its disk"));
  EXPECT_EQ(outcome.rotation_pending, "");
  EXPECT_EQ(ValueBehind("current"), 1);
  EXPECT_FALSE(fs::exists(root_ / "mirror"));
  EXPECT_THAT(OpenMirrored().CheapFindings(), ElementsAre(HasSubstr("is behind")));
  fs::create_directories(root_ / "mirror");
  EXPECT_THAT(OpenMirrored().CheapFindings(), ElementsAre(HasSubstr("lacks v0001")));
  EXPECT_THAT(*OpenMirrored().Recover(), ElementsAre(HasSubstr("v0001 is copied to the backup")));
  EXPECT_THAT(*OpenMirrored().Recover(), IsEmpty());
  EXPECT_THAT(*OpenMirrored().Verify(), IsEmpty());
}

TEST_F(MirrorTest, AFullMirrorIsToldAndTheCommitStands) {
  FullDisk files("mirror");
  EXPECT_THAT(Commit(1, &files).mirror_pending,
              HasSubstr("no room for a copy of v0001 in the mirror: it needs"));
  EXPECT_THAT(Copies(), IsEmpty());
  EXPECT_EQ(ValueBehind("current"), 1);
}

TEST_F(MirrorTest, WholeCopiesComeBackFromIt) {
  for (uint32_t run = 1; run <= 2; ++run) Commit(run);
  fs::remove_all(adapters_ / "backups");
  DamageVersion("v0002");
  EXPECT_THAT(*OpenMirrored().Recover(),
              Contains(testing::AllOf(HasSubstr("v0002 was damaged"), HasSubstr("mirror"))));
  EXPECT_EQ(ValueBehind("current"), 2);
  fs::remove_all(adapters_ / "versions/v0001");
  EXPECT_EQ(*OpenMirrored().Restore("v0001", kNow), Version(1));
  EXPECT_EQ(ValueBehind("current"), 1);
}

TEST_F(MirrorTest, ADamagedCopyIsFoundReplacedAndKept) {
  Commit(1);
  FlipBit(Mirror() / Copies()[0] / "adapter_model.safetensors");
  EXPECT_THAT(*OpenMirrored().Verify(), ElementsAre(HasSubstr("other bytes")));
  ASSERT_TRUE(OpenMirrored().Repair(kNow).ok());
  EXPECT_THAT(*OpenMirrored().Verify(), IsEmpty());
  EXPECT_THAT(Copies(), ElementsAre("quarantine", StartsWith("v0001-")));
}

TEST_F(MirrorTest, TwoBranchesOfOneNameTouchOnlyTheirOwn) {
  for (uint32_t run = 1; run <= 2; ++run) Commit(run);
  const fs::path ours = adapters_, theirs = root_ / "other" / "lora_adapters";
  adapters_ = theirs;
  for (uint32_t run = 11; run <= 14; ++run) Commit(run);
  EXPECT_THAT(Copies(), SizeIs(2 + 3));
  adapters_ = ours;
  for (uint32_t run = 3; run <= 5; ++run) Commit(run);
  EXPECT_THAT(Copies(), SizeIs(3 + 3));
  EXPECT_THAT(*OpenMirrored().Verify(), IsEmpty());
  fs::remove(LedgerFile());
  ASSERT_TRUE(OpenMirrored().Repair(kNow).ok());
  EXPECT_EQ(ValueBehind("current"), 5);
}

TEST_F(MirrorTest, WhatIsNotOursIsNeverDeleted) {
  fs::create_directories(Mirror() / "v0001");
  fs::create_directories(Mirror() / "v0001-0000000000000000");
  for (uint32_t run = 1; run <= 4; ++run) Commit(run, FileSystem::Real(), 0);
  EXPECT_THAT(Copies(), ElementsAre("v0001", "v0001-0000000000000000", StartsWith("v0003-"),
                                    StartsWith("v0004-")));
}

TEST_F(MirrorTest, NothingIsGivenUpWhileItIsAway) {
  for (uint32_t run = 1; run <= 2; ++run) Commit(run);
  fs::rename(root_ / "mirror", root_ / "away");
  DamageVersion("v0002");
  const std::string ledger = Text(LedgerFile());
  for (const absl::Status& refused :
       {OpenMirrored().FallBack(kNow).status(), OpenMirrored().Repair(kNow).status()}) {
    EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("mount its disk"));
  }
  EXPECT_EQ(Text(LedgerFile()), ledger);
}

TEST_F(MirrorTest, AVersionGivenUpWithoutItIsKeptForARestore) {
  for (uint32_t run = 1; run <= 2; ++run) Commit(run);
  fs::rename(root_ / "mirror", root_ / "away");
  DamageVersion("v0002");
  ASSERT_TRUE(Open().FallBack(kNow).ok());
  fs::rename(root_ / "away", root_ / "mirror");
  ASSERT_TRUE(OpenMirrored().Recover().ok());
  EXPECT_EQ(*OpenMirrored().Restore("v0002", kNow), Version(2));
  EXPECT_EQ(ValueBehind("current"), 2);
}

}  // namespace
}  // namespace strata
