// Goal: `verify --repair` heals all that a whole copy is left of, gives the rest up in the open,
// and makes a lost ledger anew from the versions, believing nothing that does not fit. Method:
// damage a branch, repair it, ask it; forge manifests and ledgers.
#include <functional>

#include "coordinator/store/found_version.h"
#include "coordinator/store/ledger.h"
#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const BranchStore::Time kNow = std::chrono::system_clock::from_time_t(1761990000);

class RepairTest : public TrainedBranch {
 protected:
  void SetUp() override {
    TrainedBranch::SetUp();
    CommitRuns(3);
  }
  std::vector<std::string> Repair() const {
    BranchStore store = Open();
    absl::StatusOr<std::vector<std::string>> said = store.Repair(kNow);
    EXPECT_TRUE(said.ok()) << said.status();
    EXPECT_THAT(*store.Verify(), IsEmpty());
    EXPECT_THAT(*Open().Repair(kNow), IsEmpty());
    return said.value_or(std::vector<std::string>());
  }
};

TEST_F(RepairTest, AHealthyBranchIsLeftAsItIs) {
  const std::string ledger = Text(LedgerFile());
  EXPECT_THAT(Repair(), IsEmpty());
  EXPECT_EQ(Text(LedgerFile()), ledger);
  EXPECT_FALSE(fs::exists(adapters_ / "quarantine"));
}

TEST_F(RepairTest, ABranchWithoutAdaptersHasNothingToRepair) {
  Wipe();
  EXPECT_THAT(*Open().Repair(kNow), IsEmpty());
  EXPECT_FALSE(fs::exists(adapters_));
}

TEST_F(RepairTest, BackupsDeletedByHandAreMadeAgain) {
  fs::remove_all(adapters_ / "backups");
  const std::vector<std::string> said = Repair();
  EXPECT_THAT(said, Contains(HasSubstr("backup_current_20251031_104045 was missing and is made")));
  EXPECT_EQ(ValueBehind("backups/backup_current_20251031_104045"), 2);
  // Of v0001 those were the last copies.
  EXPECT_THAT(said, Contains(HasSubstr("no copy of v0001 is whole")));
}

TEST_F(RepairTest, ADamagedBackupGoesIntoQuarantineByItsNameAndTime) {
  const std::string name = "backup_current_20251031_104045";
  FlipBit(adapters_ / "backups" / name / "adapter_model.safetensors");
  EXPECT_THAT(Repair(), ElementsAre(HasSubstr("the damaged one lies in")));
  EXPECT_EQ(ValueBehind("backups/" + name), 2);
  EXPECT_THAT(Names("quarantine"), ElementsAre(name + "_20251101_094000"));
}

TEST_F(RepairTest, EveryLinkFollowsTheLedgerAgain) {
  for (const char* link : {"current", "previous"}) {
    fs::remove(adapters_ / link);
    fs::create_symlink("/nowhere", adapters_ / link);
  }
  Repair();
  EXPECT_EQ(ValueBehind("current"), 3);
  EXPECT_EQ(ValueBehind("previous"), 2);
}

TEST_F(RepairTest, APreviousWithoutACopyFallsBackToTheVersionBeforeIt) {
  fs::remove_all(adapters_ / "backups/backup_current_20251031_104045");
  DamageVersion("v0002");
  EXPECT_THAT(Repair(), Contains(HasSubstr("v0001 is previous now")));
  EXPECT_EQ(ValueBehind("current"), 3);
  EXPECT_EQ(ValueBehind("previous"), 1);
  EXPECT_FALSE(Open().fell_back().has_value());
  EXPECT_FALSE(QuarantinedOf("v0002").empty());
}

TEST_F(RepairTest, NothingIsGivenUpThatHasACopy) {
  DamageVersion("v0002");
  EXPECT_THAT(Repair(), Contains(HasSubstr("v0002 was damaged")));
  EXPECT_EQ(ValueBehind("previous"), 2);
}

TEST_F(RepairTest, AParkedVersionWithoutACopyIsGivenUp) {
  ASSERT_TRUE(Open().Commit(CandidateOf(4, Version(2))).ok());
  DamageVersion("v0004");
  EXPECT_THAT(Repair(), Contains(HasSubstr("no copy of v0004 is whole")));
  EXPECT_THAT(Open().Parked(), IsEmpty());
}

class FallBackTest : public RepairTest {};

TEST_F(FallBackTest, CurrentFallsBackToPreviousAndItsDataIsPendingAgain) {
  DamageVersion("v0003");
  BranchStore store = Open();
  EXPECT_TRUE(absl::IsDataLoss(store.Recover().status()));
  const auto said = store.FallBack(kNow);
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_THAT(*said, Contains(HasSubstr("FELL BACK: v0002 is current in the place of v0003; "
                                        "trained again next: d3.jsonl")));
  EXPECT_EQ(ValueBehind("current"), 2);
  EXPECT_EQ(ValueBehind("previous"), 1);
  EXPECT_THAT(store.LineageOfCurrent()->held, IsEmpty());
  EXPECT_EQ(Open().fell_back()->from, Version(3));
  EXPECT_FALSE(QuarantinedOf("v0003").empty());
  EXPECT_THAT(*store.Verify(), IsEmpty());
}

TEST_F(FallBackTest, ItIsOnRecordUntilACommitFollows) {
  DamageVersion("v0003");
  ASSERT_TRUE(Open().FallBack(kNow).ok());
  EXPECT_THAT(Text(LedgerFile()), HasSubstr(R"("kind":"fallback")"));
  const auto outcome = Open().Commit(CandidateOf(4, Version(2)));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->version, Version(4));
  EXPECT_FALSE(Open().fell_back().has_value());
}

TEST_F(FallBackTest, AWholeCurrentIsNeverLeft) {
  const std::string ledger = Text(LedgerFile());
  EXPECT_THAT(*Open().FallBack(kNow), IsEmpty());
  DamageVersion("v0002");
  fs::remove_all(adapters_ / "backups");
  EXPECT_THAT(*Open().FallBack(kNow), IsEmpty());
  EXPECT_EQ(Text(LedgerFile()), ledger);
}

TEST_F(FallBackTest, WithNothingWholeNothingIsChanged) {
  for (const char* version : {"v0002", "v0003"}) DamageVersion(version);
  fs::remove_all(adapters_ / "backups");
  const std::string ledger = Text(LedgerFile());
  const absl::Status lost = Open().FallBack(kNow).status();
  EXPECT_TRUE(absl::IsDataLoss(lost));
  EXPECT_THAT(std::string(lost.message()), HasSubstr("strata rebuild"));
  EXPECT_EQ(Text(LedgerFile()), ledger);
  EXPECT_TRUE(fs::exists(adapters_ / "versions/v0003"));
}

TEST_F(FallBackTest, AVersionFoundWholeAgainIsTakenByARestore) {
  fs::copy(adapters_ / "versions/v0003", root_ / "kept", fs::copy_options::recursive);
  DamageVersion("v0003");
  ASSERT_TRUE(Open().FallBack(kNow).ok());
  fs::rename(root_ / "kept", adapters_ / "versions/v0003");
  ASSERT_TRUE(Open().Restore("v0003", kNow).ok());
  EXPECT_EQ(ValueBehind("current"), 3);
  EXPECT_THAT(*Open().Verify(), IsEmpty());
}

class LedgerRebuildTest : public RepairTest {};

TEST_F(LedgerRebuildTest, AMissingLedgerIsMadeFromTheManifests) {
  const Lineage before = *Open().LineageOfCurrent();
  fs::remove(LedgerFile());
  EXPECT_THAT(Repair(), Contains(HasSubstr("v0001, v0002, v0003 and 3 backups were read back")));
  const BranchStore store = Open();
  EXPECT_EQ(store.current(), Version(3));
  EXPECT_EQ(store.previous(), Version(2));
  EXPECT_THAT(store.Backups()->size(), 3u);
  const Lineage lineage = *store.LineageOfCurrent();
  ASSERT_EQ(lineage.trained.size(), before.trained.size());
  for (size_t i = 0; i < before.trained.size(); ++i) {
    EXPECT_EQ(lineage.trained[i].sha256, before.trained[i].sha256);
    EXPECT_EQ(lineage.trained[i].loss, before.trained[i].loss);
    EXPECT_EQ(lineage.trained[i].epochs, before.trained[i].epochs);
  }
  EXPECT_EQ(store.BaseFingerprintOf(Version(3)), Sha256Of("base"));
  EXPECT_EQ(Open().Commit(CandidateOf(4, Version(3)))->version, Version(4));
}

TEST_F(LedgerRebuildTest, ALineageWhoseBeginningIsGoneKeepsAllOfItsHistory) {
  Wipe();
  CommitRuns(5, 0);
  fs::remove(LedgerFile());
  Repair();
  EXPECT_EQ(Open().LineageOfCurrent()->trained.size(), 5u);
  EXPECT_EQ(Open().History()->size(), 5u);
}

TEST_F(LedgerRebuildTest, WhatCanBeBelievedOfADamagedLedgerStays) {
  ASSERT_TRUE(Open().SetExcluded("old.jsonl", true, kNow).ok());
  ASSERT_TRUE(Open().Pin("mine", "v0001", kNow).ok());
  const std::string believed = Text(LedgerFile());
  ASSERT_TRUE(Open().Commit(CandidateOf(4, Version(3))).ok());
  std::string text = Text(LedgerFile());
  text[believed.size() + 100] ^= 1;
  Overwrite(LedgerFile(), text);
  EXPECT_THAT(Repair(), Contains(HasSubstr("v0004 and")));
  EXPECT_TRUE(Text(LedgerFile()).starts_with(believed));
  EXPECT_EQ(Text(QuarantinedOf("ledger.jsonl")), text);
  const BranchStore store = Open();
  EXPECT_EQ(store.current(), Version(4));
  EXPECT_THAT(store.LineageOfCurrent()->excluded, ElementsAre("old.jsonl"));
  EXPECT_EQ(store.Pins().size(), 1u);
}

TEST_F(LedgerRebuildTest, AnOlderLedgerLearnsTheNewerVersions) {
  const std::string old = Text(LedgerFile());
  ASSERT_TRUE(Open().Commit(CandidateOf(4, Version(3))).ok());
  Overwrite(LedgerFile(), old);
  Repair();
  EXPECT_EQ(Open().current(), Version(4));
  EXPECT_EQ(Open().previous(), Version(3));
}

TEST_F(LedgerRebuildTest, WhatARestoreUndidIsHeldAndItsVersionStays) {
  ASSERT_TRUE(Open().Restore("v0002", kNow).ok());
  fs::remove(LedgerFile());
  EXPECT_THAT(Repair(), Contains(HasSubstr("held, since current does not have them: d3.jsonl")));
  EXPECT_EQ(Open().current(), Version(2));
  EXPECT_EQ(Open().previous(), Version(3));
  EXPECT_THAT(Open().LineageOfCurrent()->held, ElementsAre(Sha256Of("d3.jsonl")));
}

TEST_F(LedgerRebuildTest, AVersionThatNoNameKnowsIsParkedNotPruned) {
  ASSERT_TRUE(Open().Commit(CandidateOf(4, Version(2))).ok());
  fs::remove(LedgerFile());
  Repair();
  EXPECT_THAT(Open().Parked(), ElementsAre(Version(4)));
  ASSERT_TRUE(Open().Commit(CandidateOf(5, Version(3))).ok());
  EXPECT_EQ(ValueBehind("versions/v0004"), 4);
}

TEST_F(LedgerRebuildTest, ADamagedCurrentIsNotTakenFromItsOwnWord) {
  fs::remove(LedgerFile());
  DamageVersion("v0003");
  EXPECT_THAT(Repair(), Contains(HasSubstr("v0003 is not whole: v0002 is current now")));
  EXPECT_EQ(ValueBehind("current"), 2);
  EXPECT_FALSE(QuarantinedOf("v0003").empty());
}

TEST_F(LedgerRebuildTest, ALedgerInWhichAnEventCannotBeUnderstoodIsBelievedUpToIt) {
  Ledger ledger = *Ledger::Read(LedgerFile());
  ASSERT_TRUE(ledger
                  .Append(FileSystem::Real(), "prune", "2025-11-01T00:00:00Z",
                          {{"backups", {"../../../x"}}, {"versions", Json::array()}})
                  .ok());
  EXPECT_TRUE(absl::IsDataLoss(Open().damage()));
  Repair();
  EXPECT_EQ(Open().current(), Version(3));
  EXPECT_THAT(Text(LedgerFile()), Not(HasSubstr(R"("backups":["../../../x"])")));
}

TEST_F(LedgerRebuildTest, WithoutAWholeVersionNothingIsWritten) {
  fs::remove(LedgerFile());
  fs::remove_all(adapters_ / "backups");
  for (const char* version : {"v0002", "v0003"}) DamageVersion(version);
  const absl::Status refused = Open().Repair(kNow).status();
  EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
  EXPECT_FALSE(fs::exists(LedgerFile()));
  EXPECT_FALSE(fs::exists(adapters_ / "quarantine"));
}

class ForgedVersionTest : public RepairTest {
 protected:
  fs::path Folder() const { return adapters_ / "versions/v0003"; }
  // Changes the manifest, which then is another one.
  void ExpectRefused(const std::function<void(Json*)>& forge, const std::string& why) const {
    const std::string before = Text(Folder() / "manifest.json");
    Json json = *ParseJson(before, "the manifest");
    forge(&json);
    Overwrite(Folder() / "manifest.json", DumpJson(json));
    const absl::Status refused = ReadFoundVersion(Folder()).status();
    EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(why));
    Overwrite(Folder() / "manifest.json", before);
  }
  // Changes the metadata, with the manifest following.
  void ForgeMetadata(const std::function<void(Json*)>& forge) const {
    const fs::path file = Folder() / "training_metadata.json";
    Json metadata = *ParseJson(Text(file), "the metadata");
    forge(&metadata);
    Overwrite(file, DumpJson(metadata));
    Json manifest = *ParseJson(Text(Folder() / "manifest.json"), "the manifest");
    manifest["files"]["training_metadata.json"] = {{"bytes", fs::file_size(file)},
                                                   {"sha256", Sha256OfFile(file)->Hex()}};
    Overwrite(Folder() / "manifest.json", DumpJson(manifest));
  }
};

TEST_F(ForgedVersionTest, AWholeOneIsRead) {
  const absl::StatusOr<CommittedVersion> found = ReadFoundVersion(Folder());
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->version, Version(3));
  EXPECT_EQ(found->run, "run-3");
  EXPECT_EQ(found->stages.size(), 3u);
}

TEST_F(ForgedVersionTest, ManifestsThatNoCommitWroteAreRefused) {
  const Json record = {{"bytes", 1}, {"sha256", Sha256Of("x").Hex()}};
  for (const char* name : {"../../current", "/etc/passwd", "..", ".", "", "a/b"})
    ExpectRefused([&](Json* json) { (*json)["files"][name] = record; }, "outside its folder");
  ExpectRefused([](Json* json) { (*json)["version"] = int64_t{1} << 40; }, "out of range");
  ExpectRefused([](Json* json) { (*json)["version"] = 0; }, "out of range");
  ExpectRefused([](Json* json) { (*json)["parent"] = 3; }, "out of range");
  ExpectRefused([](Json* json) { (*json)["files"]["adapter_config.json"]["bytes"] = -1; }, "-1");
  ExpectRefused([](Json* json) { (*json)["files"].erase("adapter_model.safetensors"); },
                "names no adapter_model.safetensors");
  ExpectRefused([&](Json* json) { (*json)["files"]["adapter_config.json"] = record; }, "bytes");
  ExpectRefused([](Json* json) { (*json)["version"] = 4; }, "its metadata is of v0003");
  ExpectRefused([](Json* json) { (*json)["run"] = "../x"; }, "its metadata is of the run");
  ExpectRefused([](Json* json) { (*json)["format"] = 9; }, "format 9");
}

TEST_F(ForgedVersionTest, MetadataThatNoCommitWroteIsRefused) {
  ForgeMetadata([](Json* json) { (*json)["run"] = "../x"; });
  EXPECT_THAT(std::string(ReadFoundVersion(Folder()).status().message()),
              HasSubstr("is not the id of a run"));
  ForgeMetadata([](Json* json) {
    (*json)["run"] = "run-3";
    (*json)["last_updated"] = "yesterday";
  });
  EXPECT_THAT(std::string(ReadFoundVersion(Folder()).status().message()),
              HasSubstr("its time is 'yesterday'"));
}

TEST_F(ForgedVersionTest, AFolderUnderAnotherNumberIsRefused) {
  fs::remove(LedgerFile());
  fs::copy(Folder(), adapters_ / "versions/v0009", fs::copy_options::recursive);
  BranchStore store = Open();
  const auto said = store.Repair(kNow);
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_THAT(*said, Contains(HasSubstr("versions/v0009 holds v0003")));
  EXPECT_EQ(store.current(), Version(3));
  EXPECT_EQ(store.Commit(CandidateOf(4, Version(3)))->version, Version(10));
}

}  // namespace
}  // namespace strata
