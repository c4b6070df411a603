// Goal: what hands and disks do to a branch is seen, and nothing is written where the ledger cannot
// be believed. Method: damage one thing in a healthy branch, then ask and commit.
#include <functional>

#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const BranchStore::Time kNow = std::chrono::system_clock::from_time_t(1761990000);

// A disk on which no backup can be made.
class NoBackups : public FileSystem {
  absl::Status Before(std::string_view, const fs::path& path) override {
    if (!path.filename().string().starts_with(".incoming-backup")) return absl::OkStatus();
    return absl::ResourceExhaustedError("no space left on device");
  }
};

class DamageTest : public TrainedBranch {
 protected:
  void SetUp() override {
    TrainedBranch::SetUp();
    CommitRuns(2);
  }
  void ExpectReadOnly(const std::string& why, float current = 2) {
    BranchStore store = Open();
    const std::string ledger = Text(LedgerFile());
    EXPECT_THAT(store.CheapFindings(), ElementsAre(HasSubstr(why)));
    EXPECT_TRUE(absl::IsDataLoss(store.Recover().status()));
    EXPECT_TRUE(absl::IsDataLoss(store.Commit(CandidateOf(3, Version(2))).status()));
    EXPECT_TRUE(absl::IsDataLoss(store.Restore("v0001", kNow).status()));
    EXPECT_TRUE(absl::IsDataLoss(store.LineageOfCurrent().status()));
    EXPECT_TRUE(absl::IsDataLoss(store.History().status()));
    EXPECT_TRUE(absl::IsDataLoss(store.Backups().status()));
    EXPECT_EQ(Text(LedgerFile()), ledger);
    EXPECT_EQ(ValueBehind("current"), current);
  }
};

TEST_F(DamageTest, TornLastLineIsCutByTheNextWriter) {
  Overwrite(LedgerFile(), Text(LedgerFile()) + R"({"format":1,"seq":)");
  BranchStore store = Open();
  EXPECT_THAT(store.CheapFindings(), IsEmpty());
  EXPECT_TRUE(store.Commit(CandidateOf(3, Version(2))).ok());
  EXPECT_THAT(*Open().Verify(), IsEmpty());
  EXPECT_EQ(ValueBehind("current"), 3);
}

TEST_F(DamageTest, HalfMadeFoldersThatTheLedgerDoesNotNameAreLeftAlone) {
  for (const char* foreign : {"versions/.incoming-mine", "backups/.incoming-old"})
    fs::create_directories(adapters_ / foreign);
  fs::create_directories(adapters_ / "versions/.incoming-v0002");
  BranchStore store = Open();
  ASSERT_TRUE(store.Recover().ok());
  EXPECT_TRUE(fs::exists(adapters_ / "versions/.incoming-mine"));
  EXPECT_TRUE(fs::exists(adapters_ / "backups/.incoming-old"));
  EXPECT_FALSE(fs::exists(adapters_ / "versions/.incoming-v0002"));
}

TEST_F(DamageTest, ForgedLineBreaksTheChain) {
  std::string text = Text(LedgerFile());
  text.replace(text.find("d1.jsonl"), 8, "d9.jsonl");
  Overwrite(LedgerFile(), text);
  ExpectReadOnly("not what was written");
}

TEST_F(DamageTest, DroppedLineBreaksTheChain) {
  std::string text = Text(LedgerFile());
  text.erase(0, text.find('\n') + 1);
  Overwrite(LedgerFile(), text);
  ExpectReadOnly("does not follow");
}

TEST_F(DamageTest, MissingLedgerMakesTheBranchReadOnly) {
  fs::remove(LedgerFile());
  ExpectReadOnly("the ledger is missing");
}

TEST_F(DamageTest, LedgerOlderThanItsLinksMakesTheBranchReadOnly) {
  const std::string old = Text(LedgerFile());
  ASSERT_TRUE(Open().Commit(CandidateOf(3, Version(2))).ok());
  Overwrite(LedgerFile(), old);
  ExpectReadOnly("older than the branch", 3);
}

// The line of `begin` is there and that of `commit` is not: just what a kill leaves, but for the
// links.
TEST_F(DamageTest, CommittedVersionOutlivesALedgerThatKnowsOnlyItsBegin) {
  ASSERT_TRUE(Open().Commit(CandidateOf(3, Version(2))).ok());
  const std::string text = Text(LedgerFile());
  const size_t begun = text.rfind("\"kind\":\"begin\"");
  Overwrite(LedgerFile(), text.substr(0, text.find('\n', begun) + 1));
  ExpectReadOnly("older than the branch", 3);
  EXPECT_EQ(ValueBehind("versions/v0003"), 3);
}

TEST_F(DamageTest, PinToAVersionThatTheLedgerForgotMakesTheBranchReadOnly) {
  const std::string old = Text(LedgerFile());
  ASSERT_TRUE(Open().Commit(CandidateOf(3, Version(1))).ok());  // parked
  fs::create_symlink("versions/v0003", adapters_ / "mine");
  Overwrite(LedgerFile(), old);
  ExpectReadOnly("lora_adapters/mine leads to v0003");
  EXPECT_EQ(ValueBehind("versions/v0003"), 3);
}

TEST_F(DamageTest, FolderThatNeitherLedgerNorLinkKnowsIsLeftAlone) {
  const std::string old = Text(LedgerFile());
  ASSERT_TRUE(Open().Commit(CandidateOf(3, Version(1))).ok());  // parked
  Overwrite(LedgerFile(), old);
  BranchStore store = Open();
  ASSERT_TRUE(store.Recover().ok());
  EXPECT_EQ(ValueBehind("versions/v0003"), 3);
  EXPECT_EQ(store.Commit(CandidateOf(4, Version(2)))->version, Version(4));
}

TEST_F(DamageTest, DanglingPinIsTheUsersOwnAffair) {
  fs::create_symlink("versions/v0099", adapters_ / "mine");
  EXPECT_TRUE(Open().Recover().ok());
}

TEST_F(DamageTest, LinksAreMendedFromTheLedger) {
  fs::remove(adapters_ / "current");
  fs::remove(adapters_ / "previous");
  fs::create_symlink("versions/v0001", adapters_ / "current");
  BranchStore store = Open();
  EXPECT_THAT(store.CheapFindings(), testing::SizeIs(2));
  ASSERT_TRUE(store.Recover().ok());
  EXPECT_EQ(ValueBehind("current"), 2);
  EXPECT_EQ(ValueBehind("previous"), 1);
  EXPECT_THAT(store.CheapFindings(), IsEmpty());
}

TEST_F(DamageTest, LinkToNoVersionIsRemoved) {
  Wipe();
  CommitRuns(1);
  fs::create_symlink("versions/v0001", adapters_ / "previous");
  BranchStore store = Open();
  EXPECT_THAT(store.CheapFindings(), ElementsAre(HasSubstr("previous should not be there")));
  ASSERT_TRUE(store.Recover().ok());
  EXPECT_FALSE(fs::is_symlink(adapters_ / "previous"));
  EXPECT_THAT(store.CheapFindings(), IsEmpty());
}

TEST_F(DamageTest, PlainCopyOfABranchIsHealthy) {
  for (const auto& file : fs::recursive_directory_iterator(adapters_)) {
    if (!file.is_regular_file() || file.path().filename() == "manifest.json") continue;
    fs::last_write_time(file, fs::file_time_type::clock::now() + std::chrono::hours(1));
  }
  EXPECT_THAT(Open().CheapFindings(), IsEmpty());
}

TEST_F(DamageTest, DamagedCurrentIsRestoredFromItsBackupAtTheStart) {
  ASSERT_TRUE(Open().Restore("v0001", kNow).ok());
  DamageVersion("v0001");
  const auto told = Open().Recover();
  ASSERT_TRUE(told.ok()) << told.status();
  EXPECT_THAT(*told, ElementsAre(HasSubstr("v0001 was damaged")));
  EXPECT_EQ(ValueBehind("current"), 1);
  EXPECT_FALSE(QuarantinedOf("v0001").empty());
  EXPECT_THAT(*Open().Verify(), IsEmpty());
  EXPECT_THAT(*Open().Recover(), IsEmpty());
}

TEST_F(DamageTest, MissingPreviousIsRestoredFromItsBackupAtTheStart) {
  fs::remove_all(adapters_ / "versions/v0001");
  EXPECT_THAT(*Open().Recover(), ElementsAre(HasSubstr("v0001 was missing")));
  EXPECT_EQ(ValueBehind("previous"), 1);
}

TEST_F(DamageTest, DamagedCurrentWithoutACopyStopsTheStartButNotARestore) {
  DamageVersion("v0002");
  BranchStore store = Open();
  const absl::Status stopped = store.Recover().status();
  EXPECT_TRUE(absl::IsDataLoss(stopped));
  EXPECT_THAT(std::string(stopped.message()), HasSubstr("strata restore previous"));
  EXPECT_EQ(ValueBehind("versions/v0002/../v0001"), 1);
  EXPECT_TRUE(fs::exists(adapters_ / "versions/v0002"));
  EXPECT_TRUE(store.Restore("previous", kNow).ok());
  EXPECT_EQ(ValueBehind("current"), 1);
}

TEST_F(DamageTest, DamagedPreviousWithoutACopyIsOnlyTold) {
  fs::remove_all(adapters_ / "backups");
  DamageVersion("v0001");
  EXPECT_THAT(*Open().Recover(), ElementsAre(HasSubstr("v0001 is missing or damaged")));
  EXPECT_TRUE(Open().Commit(CandidateOf(3, Version(2))).ok());
}

TEST_F(DamageTest, DamagedVersionIsNoBackup) {
  DamageVersion("v0002");
  const auto outcome = Open().Commit(CandidateOf(3, Version(2)));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(outcome->backups, ElementsAre("backup_previous_20251031_104045"));
  EXPECT_EQ(ValueBehind("backups/backup_previous_20251031_104045"), 1);
}

TEST_F(DamageTest, OwedBackupWaitsForAWholeSource) {
  NoBackups full;
  const auto outcome = Open(&full).Commit(CandidateOf(3, Version(2)));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(outcome->rotation_pending, HasSubstr("v0003 is committed"));
  DamageVersion("v0002");
  EXPECT_THAT(*Open().Recover(), ElementsAre(HasSubstr("v0002 is missing or damaged")));
  EXPECT_EQ(ValueBehind("current"), 3);
  EXPECT_FALSE(fs::exists(adapters_ / "backups/backup_current_20251031_104045"));
  EXPECT_THAT(Open().CheapFindings(), testing::Contains(HasSubstr("is not complete yet")));
  DamageVersion("v0002");
  ASSERT_TRUE(Open().Recover().ok());
  EXPECT_EQ(ValueBehind("backups/backup_current_20251031_104045"), 2);
  EXPECT_THAT(*Open().Verify(), IsEmpty());
}

TEST_F(DamageTest, FlippedBitIsFoundAndPutRightFromTheBackup) {
  DamageVersion("v0001");
  BranchStore store = Open();
  EXPECT_THAT(store.CheapFindings(), IsEmpty());
  EXPECT_THAT(*store.Verify(), ElementsAre(HasSubstr("has other bytes")));
  EXPECT_TRUE(
      absl::IsDataLoss(store.ReadAdapter(Version(1), CandidateOf(1, Version()).layout).status()));
  ASSERT_TRUE(store.Restore("v0001", kNow).ok());
  EXPECT_EQ(ValueBehind("current"), 1);
  EXPECT_FALSE(QuarantinedOf("v0001").empty());
  EXPECT_THAT(*store.Verify(), IsEmpty());
}

TEST_F(DamageTest, FileCopiedOverCurrentIsSeenAtOnce) {
  const fs::path file = adapters_ / "current/adapter_model.safetensors";
  Overwrite(file, Text(adapters_ / "previous/adapter_model.safetensors"));
  EXPECT_THAT(Open().CheapFindings(), ElementsAre(HasSubstr("was changed after its commit")));
  Overwrite(file, "cut");
  EXPECT_THAT(Open().CheapFindings(), ElementsAre(HasSubstr("has 3 bytes")));
}

TEST_F(DamageTest, DamagedVersionWithoutAWholeBackupIsNotRestored) {
  fs::remove(adapters_ / "versions/v0001/manifest.json");
  fs::remove_all(adapters_ / "backups");
  EXPECT_TRUE(absl::IsDataLoss(Open().Restore("v0001", kNow).status()));
  EXPECT_EQ(ValueBehind("current"), 2);
}

TEST_F(DamageTest, AChangeAfterTheLedgerWasPutBackEndsTheDamage) {
  const std::vector<std::function<bool(BranchStore*)>> changes = {
      [](BranchStore* store) { return store->Pin("mine", "v0001", kNow).ok(); },
      [](BranchStore* store) { return store->Unpin("mine", kNow).ok(); },
      [](BranchStore* store) { return store->SetExcluded("d1.jsonl", true, kNow).ok(); }};
  std::string whole = Text(LedgerFile());
  for (const auto& change : changes) {
    Overwrite(LedgerFile(), "no ledger\n");
    BranchStore store = Open();
    EXPECT_TRUE(absl::IsDataLoss(store.damage()));
    Overwrite(LedgerFile(), whole);
    EXPECT_TRUE(change(&store));
    EXPECT_TRUE(store.damage().ok()) << store.damage();
    whole = Text(LedgerFile());
  }
}

TEST_F(DamageTest, PlantedFolderInPlaceOfALinkIsRefused) {
  fs::remove(adapters_ / "current");
  fs::create_directories(adapters_ / "current" / "mine");
  BranchStore store = Open();
  EXPECT_FALSE(store.Recover().ok());
  EXPECT_TRUE(fs::exists(adapters_ / "current" / "mine"));
}

}  // namespace
}  // namespace strata
