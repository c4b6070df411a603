// Goal: a pin keeps its version whatever is committed after it, its link follows the ledger, and
// what a user has named by hand is neither taken nor lost. Method: pins in a branch that commits
// go by, with names and links put in their way.
#include "coordinator/store/links.h"

#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const BranchStore::Time kNow = std::chrono::system_clock::from_time_t(1761990000);

class PinTest : public TrainedBranch {
 protected:
  void Pin(const std::string& pin, const std::string& name, uint32_t version) const {
    BranchStore store = Open();
    const absl::StatusOr<Version> pinned = store.Pin(pin, name, kNow);
    ASSERT_TRUE(pinned.ok()) << pinned.status();
    EXPECT_EQ(*pinned, Version(version));
  }
  static std::vector<std::string> PinsOf(const BranchStore& store) {
    std::vector<std::string> pins;
    for (const PinInfo& pin : store.Pins())
      pins.push_back(pin.name + " " + VersionName(pin.version) + (pin.by_hand ? " by hand" : ""));
    return pins;
  }
  void ExpectRefused(absl::StatusCode code, const std::string& pin, const std::string& name,
                     const std::string& why) const {
    const std::string ledger = Text(LedgerFile());
    const absl::Status refused = Open().Pin(pin, name, kNow).status();
    EXPECT_EQ(refused.code(), code) << pin << " " << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(why));
    EXPECT_EQ(Text(LedgerFile()), ledger) << pin;
  }
};

TEST_F(PinTest, KeepsItsVersionAndServesItByItsName) {
  CommitRuns(1);
  Pin("autumn", "current", 1);
  BranchStore store = Open();
  for (uint32_t run = 2; run <= 5; ++run)
    ASSERT_TRUE(store.Commit(CandidateOf(run, store.current())).ok());
  EXPECT_EQ(fs::read_symlink(adapters_ / "autumn"), "versions/v0001");
  EXPECT_EQ(ValueBehind("autumn"), 1);
  EXPECT_THAT(Names("versions"), ElementsAre("v0001", "v0004", "v0005"));
  EXPECT_THAT(PinsOf(Open()), ElementsAre("autumn v0001"));
  EXPECT_THAT(*Open().Verify(), IsEmpty());
  EXPECT_EQ(*store.Restore("autumn", kNow), Version(1));
}

TEST_F(PinTest, WhatIsUnpinnedGoesWithTheNextCommit) {
  CommitRuns(1);
  Pin("autumn", "v0001", 1);
  BranchStore store = Open();
  for (uint32_t run = 2; run <= 3; ++run)
    ASSERT_TRUE(store.Commit(CandidateOf(run, store.current())).ok());
  EXPECT_EQ(*store.Unpin("autumn", kNow), Version(1));
  EXPECT_FALSE(fs::is_symlink(adapters_ / "autumn"));
  EXPECT_EQ(ValueBehind("versions/v0001"), 1);
  ASSERT_TRUE(store.Commit(CandidateOf(4, Version(3))).ok());
  EXPECT_THAT(Names("versions"), ElementsAre("v0003", "v0004"));
  EXPECT_TRUE(absl::IsNotFound(store.Unpin("autumn", kNow).status()));
}

TEST_F(PinTest, ReturnsFromABackupWhenItsFolderIsGone) {
  CommitRuns(4);
  ASSERT_FALSE(fs::exists(adapters_ / "versions/v0001"));
  Pin("first", "backup_current_20251031_104044", 1);
  EXPECT_EQ(ValueBehind("first"), 1);
  EXPECT_THAT(*Open().Verify(), IsEmpty());
}

TEST_F(PinTest, IsRefusedWhenNoCopyIsWhole) {
  CommitRuns(4);
  fs::remove_all(adapters_ / "backups");
  ExpectRefused(absl::StatusCode::kDataLoss, "first", "v0001", "no copy of it is whole");
  EXPECT_FALSE(fs::is_symlink(adapters_ / "first"));
}

TEST_F(PinTest, LostFolderAndLinkAreBroughtBackAtTheNextStart) {
  CommitRuns(4);
  Pin("first", "v0001", 1);
  fs::remove_all(adapters_ / "versions/v0001");
  fs::remove(adapters_ / "first");
  EXPECT_THAT(Open().CheapFindings(),
              ElementsAre(HasSubstr("first does not lead to v0001"), HasSubstr("v0001")));
  BranchStore store = Open();
  EXPECT_THAT(*store.Recover(), ElementsAre(HasSubstr("v0001 was missing")));
  EXPECT_EQ(ValueBehind("first"), 1);
  EXPECT_THAT(store.CheapFindings(), IsEmpty());
}

TEST_F(PinTest, LostFolderWithoutACopyIsToldAndKeepsNobodyFromTraining) {
  CommitRuns(4);
  Pin("first", "v0001", 1);
  fs::remove_all(adapters_ / "versions/v0001");
  fs::remove_all(adapters_ / "backups");
  BranchStore store = Open();
  EXPECT_THAT(*store.Recover(), ElementsAre(HasSubstr("v0001 is missing or damaged")));
  EXPECT_TRUE(store.Commit(CandidateOf(5, Version(4))).ok());
}

TEST_F(PinTest, LinkThatWasTurnedByHandIsTurnedBack) {
  CommitRuns(2);
  Pin("mine", "v0001", 1);
  fs::remove(adapters_ / "mine");
  fs::create_symlink("/elsewhere", adapters_ / "mine");
  ASSERT_TRUE(Open().Recover().ok());
  EXPECT_EQ(ValueBehind("mine"), 1);
}

TEST_F(PinTest, WhatWasPutInItsPlaceIsLeftAloneAndTold) {
  CommitRuns(2);
  Pin("mine", "v0001", 1);
  fs::remove(adapters_ / "mine");
  Overwrite(adapters_ / "mine", "a user's own");
  BranchStore store = Open();
  ASSERT_TRUE(store.Commit(CandidateOf(3, Version(2))).ok());
  EXPECT_EQ(Text(adapters_ / "mine"), "a user's own");
  EXPECT_EQ(ValueBehind("versions/v0001"), 1);
  EXPECT_THAT(store.CheapFindings(), ElementsAre(HasSubstr("mine does not lead to v0001")));
  EXPECT_EQ(*store.Unpin("mine", kNow), Version(1));
  EXPECT_EQ(Text(adapters_ / "mine"), "a user's own");
}

TEST_F(PinTest, SameAgainChangesNothingAndAnotherVersionNeedsAnotherName) {
  CommitRuns(2);
  Pin("mine", "v0001", 1);
  const std::string ledger = Text(LedgerFile());
  Pin("mine", "previous", 1);
  EXPECT_EQ(Text(LedgerFile()), ledger);
  ExpectRefused(absl::StatusCode::kAlreadyExists, "mine", "current", "strata unpin mine");
  Pin("mine_too", "mine", 1);
}

TEST_F(PinTest, LinkMadeByHandGoesOnKeepingItsVersionAndIsNotTaken) {
  CommitRuns(2);
  fs::create_symlink("versions/v0001", adapters_ / "snapshot");
  EXPECT_THAT(PinsOf(Open()), ElementsAre("snapshot v0001 by hand"));
  ExpectRefused(absl::StatusCode::kAlreadyExists, "snapshot", "current", "made by hand to v0001");
  const absl::Status kept = Open().Unpin("snapshot", kNow).status();
  EXPECT_TRUE(absl::IsNotFound(kept));
  EXPECT_THAT(std::string(kept.message()), HasSubstr("made by hand"));
  EXPECT_EQ(ValueBehind("snapshot"), 1);
  Pin("snapshot", "v0001", 1);
  EXPECT_THAT(PinsOf(Open()), ElementsAre("snapshot v0001"));
}

TEST_F(PinTest, NamesOfOthersAreNotTaken) {
  CommitRuns(1);
  Overwrite(adapters_ / "notes.txt", "mine");
  fs::create_directory(adapters_ / "folder");
  fs::create_symlink("/elsewhere", adapters_ / "link");
  ExpectRefused(absl::StatusCode::kAlreadyExists, "notes.txt", "current", "choose another name");
  ExpectRefused(absl::StatusCode::kAlreadyExists, "folder", "current", "choose another name");
  ExpectRefused(absl::StatusCode::kAlreadyExists, "link", "current", "to somewhere else");
}

TEST_F(PinTest, NamesThatCannotBeAreRefusedBeforeAnythingIsWritten) {
  const std::vector<std::string> names = {"",
                                          ".",
                                          "..",
                                          ".hidden",
                                          "a/b",
                                          "/abs",
                                          "-f",
                                          "current",
                                          "previous",
                                          "backups",
                                          "versions",
                                          "backup_old",
                                          "v0001",
                                          "v7",
                                          "a\nb",
                                          "\x7f",
                                          "ledger.jsonl",
                                          "\xff\xfe",
                                          std::string(129, 'x')};
  for (const std::string& name : names)
    EXPECT_TRUE(absl::IsInvalidArgument(Open().Pin(name, "current", kNow).status())) << name;
  EXPECT_FALSE(fs::exists(adapters_));
  for (const char* name : {"antropología_2025", "v1-final", "version", "a b", "Current"})
    EXPECT_TRUE(CheckPinName(name).ok()) << name;
}

TEST_F(PinTest, UnknownVersionsAreNotPinned) {
  CommitRuns(1);
  for (const char* name : {"v0009", "previous", "backup_current_20200101_000000", ""})
    ExpectRefused(absl::StatusCode::kNotFound, "mine", name, "no version, backup or pin");
}

}  // namespace
}  // namespace strata
