// Goal: a commit, a restore and the retention do what the ledger says, and a bad adapter never gets
// in. Method: commits of a tiny adapter into a temporary branch, read back through links and files.
#include "coordinator/store/branch_store.h"

#include <cmath>

#include "coordinator/store/metadata.h"
#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using BranchStoreTest = TrainedBranch;

const BranchStore::Time kNow = std::chrono::system_clock::from_time_t(1761990000);

Candidate Redigested(Candidate candidate) {
  candidate.digest = Sha256Of({reinterpret_cast<const char*>(candidate.adapter.data()),
                               candidate.adapter.size() * sizeof(float)});
  return candidate;
}

TEST_F(BranchStoreTest, NewBranchHasNothing) {
  BranchStore store = Open();
  EXPECT_TRUE(store.Recover().ok());
  EXPECT_EQ(store.current(), Version());
  EXPECT_TRUE(store.LineageOfCurrent()->trained.empty());
  EXPECT_THAT(store.CheapFindings(), IsEmpty());
  EXPECT_FALSE(fs::exists(adapters_));
}

TEST_F(BranchStoreTest, FirstCommitBecomesCurrentWithoutBackups) {
  BranchStore store = Open();
  const absl::StatusOr<CommitOutcome> outcome = store.Commit(CandidateOf(1, Version()));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->version, Version(1));
  EXPECT_FALSE(outcome->parked);
  EXPECT_THAT(outcome->backups, IsEmpty());
  EXPECT_EQ(ValueBehind("current"), 1);
  EXPECT_FALSE(fs::exists(adapters_ / "previous"));
}

TEST_F(BranchStoreTest, SecondCommitRotatesAndBacksUp) {
  CommitRuns(2);
  const BranchStore store = Open();
  EXPECT_EQ(fs::read_symlink(adapters_ / "current"), "versions/v0002");
  EXPECT_EQ(fs::read_symlink(adapters_ / "previous"), "versions/v0001");
  EXPECT_THAT(Names("backups"), ElementsAre("backup_current_20251031_104044"));
  EXPECT_EQ(ValueBehind("backups/backup_current_20251031_104044"), 1);
  EXPECT_THAT(store.CheapFindings(), IsEmpty());
  EXPECT_THAT(*store.Verify(), IsEmpty());
  EXPECT_GT(store.Backups()->front().bytes, 0u);
}

TEST_F(BranchStoreTest, MetadataAndLineageAddUp) {
  CommitRuns(2);
  const BranchStore store = Open();
  const Json metadata = *store.Metadata(Version(2));
  EXPECT_EQ(metadata["total_examples_trained"], 20);
  EXPECT_EQ(metadata["total_epochs"], 6);
  EXPECT_EQ(metadata["best_loss"], 0.5);
  EXPECT_TRUE(metadata["quality_improvement"].is_null());
  EXPECT_THAT(metadata["training_history"], SizeIs(2));
  const Lineage lineage = *store.LineageOfCurrent();
  EXPECT_THAT(lineage.trained, SizeIs(2));
  EXPECT_THAT(lineage.examples, SizeIs(2));
  EXPECT_TRUE(lineage.examples.at("d1.jsonl").contains(ExampleDigest{1, 2}));
  EXPECT_EQ(store.History()->front().dataset, "d1.jsonl");
  for (const char* loader : {"peft", "vllm", "llama_cpp"})
    EXPECT_EQ(metadata["portability"][loader]["ok"], true) << loader;
  EXPECT_EQ(store.BaseFingerprintOf(Version(2)), Sha256Of("base"));
}

TEST_F(BranchStoreTest, AdapterConfigHasExactlyPeftsKeys) {
  const Json config = AdapterConfig(CandidateOf(1, Version()));
  EXPECT_EQ(DumpJson(config),
            R"({"peft_type":"LORA","task_type":"CAUSAL_LM","base_model_name_or_path":"some/base",)"
            R"("revision":null,"inference_mode":true,"r":2,"lora_alpha":4,"lora_dropout":0.025,)"
            R"("target_modules":["q_proj","v_proj"],"bias":"none","fan_in_fan_out":false,)"
            R"("init_lora_weights":true,"modules_to_save":null,"layers_to_transform":null,)"
            R"("layers_pattern":null,"rank_pattern":{},"alpha_pattern":{},"use_rslora":false})");
}

TEST_F(BranchStoreTest, RsLoraIsFoldedForOthersAndToldInTheMetadata) {
  Candidate candidate = CandidateOf(1, Version());
  candidate.lora_r = 4;
  candidate.lora_alpha = 3;
  candidate.use_rslora = true;
  EXPECT_EQ(AdapterConfig(candidate)["lora_alpha"], 6);
  EXPECT_EQ(AdapterConfig(candidate)["use_rslora"], false);
  const Json metadata = TrainingMetadata(candidate, Version(1), Json());
  EXPECT_EQ(metadata["lora_alpha"], 3);
  EXPECT_EQ(metadata["use_rslora"], true);
  candidate.lora_r = 2;
  EXPECT_DOUBLE_EQ(AdapterConfig(candidate)["lora_alpha"].get<double>(), 3 * std::sqrt(2.0));
}

TEST_F(BranchStoreTest, ReadsTheAdapterBackAndRefusesAnotherLayout) {
  CommitRuns(1);
  const BranchStore store = Open();
  AdapterLayout layout = CandidateOf(1, Version()).layout;
  EXPECT_EQ(*store.ReadAdapter(Version(1), layout), std::vector<float>(14, 1.0f));
  layout.tensors[0].columns = 5;
  EXPECT_TRUE(absl::IsFailedPrecondition(store.ReadAdapter(Version(1), layout).status()));
  EXPECT_TRUE(absl::IsNotFound(store.ReadAdapter(Version(9), layout).status()));
}

TEST_F(BranchStoreTest, SameRunCommittedAgainChangesNothing) {
  CommitRuns(2);
  const std::string ledger = Text(LedgerFile());
  BranchStore store = Open();
  const absl::StatusOr<CommitOutcome> again = store.Commit(CandidateOf(2, Version(1)));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->version, Version(2));
  EXPECT_THAT(again->backups, SizeIs(1));
  EXPECT_EQ(Text(LedgerFile()), ledger);
}

TEST_F(BranchStoreTest, EightCommitsLeaveFivePairsAndTwoVersions) {
  CommitRuns(8);
  EXPECT_THAT(Names("backups"), SizeIs(10));
  EXPECT_THAT(Names("versions"), ElementsAre("v0007", "v0008"));
  EXPECT_THAT(*Open().Verify(), IsEmpty());
}

TEST_F(BranchStoreTest, NoBackupsAreKeptOnRequest) {
  CommitRuns(4, 0);
  EXPECT_FALSE(fs::exists(adapters_ / "backups"));
  EXPECT_EQ(ValueBehind("previous"), 3);
}

TEST_F(BranchStoreTest, PinnedVersionStays) {
  CommitRuns(1);
  fs::create_symlink("versions/v0001", adapters_ / "snapshot_2025");
  BranchStore store = Open();
  for (uint32_t run = 2; run <= 5; ++run) {
    ASSERT_TRUE(store.Commit(CandidateOf(run, store.current())).ok());
  }
  EXPECT_THAT(Names("versions"), ElementsAre("v0001", "v0004", "v0005"));
  EXPECT_EQ(*store.Restore("snapshot_2025", kNow), Version(1));
  EXPECT_EQ(ValueBehind("current"), 1);
}

TEST_F(BranchStoreTest, BackupsOfOneSecondGetDifferentNames) {
  BranchStore store = Open();
  for (uint32_t run = 1; run <= 3; ++run) {
    Candidate candidate = CandidateOf(run, store.current());
    candidate.now = kNow;
    ASSERT_TRUE(store.Commit(candidate).ok());
  }
  EXPECT_THAT(Names("backups"),
              ElementsAre("backup_current_20251101_094000", "backup_current_20251101_094000_2",
                          "backup_previous_20251101_094000_2"));
}

TEST_F(BranchStoreTest, AClockSetBackChangesNoOrder) {
  BranchStore store = Open();
  for (uint32_t run = 1; run <= 4; ++run) {
    Candidate candidate = CandidateOf(run, store.current());
    candidate.now = kNow - std::chrono::hours(run);
    candidate.keep_backups = 1;
    ASSERT_TRUE(store.Commit(candidate).ok());
  }
  EXPECT_EQ(ValueBehind("current"), 4);
  EXPECT_EQ(ValueBehind("previous"), 3);
  EXPECT_THAT(Names("backups"),
              ElementsAre("backup_current_20251101_054000", "backup_previous_20251101_054000"));
  EXPECT_EQ(ValueBehind("backups/backup_current_20251101_054000"), 3);
}

TEST_F(BranchStoreTest, RestoreHoldsWhatItUndoes) {
  CommitRuns(3);
  BranchStore store = Open();
  EXPECT_EQ(*store.Restore("previous", kNow), Version(2));
  EXPECT_EQ(ValueBehind("current"), 2);
  EXPECT_EQ(ValueBehind("previous"), 3);
  EXPECT_THAT(store.LineageOfCurrent()->held, ElementsAre(Sha256Of("d3.jsonl")));
  ASSERT_TRUE(store.Commit(CandidateOf(4, Version(2))).ok());
  EXPECT_THAT(store.LineageOfCurrent()->held, SizeIs(1));
  Candidate again = CandidateOf(5, Version(4));
  again.stages = CandidateOf(3, Version()).stages;
  ASSERT_TRUE(store.Commit(again).ok());
  EXPECT_THAT(store.LineageOfCurrent()->held, IsEmpty());
}

TEST_F(BranchStoreTest, RestoringForwardAndReleaseEndTheHold) {
  CommitRuns(2);
  BranchStore store = Open();
  ASSERT_TRUE(store.Restore("v0001", kNow).ok());
  ASSERT_TRUE(store.Restore("v0002", kNow).ok());
  EXPECT_THAT(store.LineageOfCurrent()->held, IsEmpty());
  ASSERT_TRUE(store.Restore("v0001", kNow).ok());
  ASSERT_TRUE(store.Release(Sha256Of("d2.jsonl"), kNow).ok());
  EXPECT_THAT(Open().LineageOfCurrent()->held, IsEmpty());
}

TEST_F(BranchStoreTest, ExcludedDatasetsAreRemembered) {
  BranchStore store = Open();
  ASSERT_TRUE(store.SetExcluded("a.jsonl", true, kNow).ok());
  ASSERT_TRUE(store.SetExcluded("b.jsonl", true, kNow).ok());
  ASSERT_TRUE(store.SetExcluded("a.jsonl", false, kNow).ok());
  EXPECT_THAT(Open().LineageOfCurrent()->excluded, ElementsAre("b.jsonl"));
}

TEST_F(BranchStoreTest, BackupReturnsUnderItsOwnNumber) {
  CommitRuns(4);
  ASSERT_FALSE(fs::exists(adapters_ / "versions" / "v0001"));
  BranchStore store = Open();
  EXPECT_EQ(*store.Restore("backup_current_20251031_104044", kNow), Version(1));
  EXPECT_EQ(ValueBehind("current"), 1);
  EXPECT_EQ(fs::read_symlink(adapters_ / "current"), "versions/v0001");
  EXPECT_THAT(*store.Verify(), IsEmpty());
  EXPECT_TRUE(store.Recover().ok());
  EXPECT_EQ(ValueBehind("current"), 1);
}

TEST_F(BranchStoreTest, UnknownNameIsNotFound) {
  CommitRuns(1);
  BranchStore store = Open();
  for (const char* name : {"v0009", "previous", "", "../x", "backup_current_20200101_000000"}) {
    EXPECT_TRUE(absl::IsNotFound(store.Restore(name, kNow).status())) << name;
  }
}

TEST_F(BranchStoreTest, FindsWhatANameMeansAndChangesNothing) {
  CommitRuns(4);
  fs::create_symlink("versions/v0003", adapters_ / "pin");
  const std::string ledger = Text(LedgerFile());
  const BranchStore store = Open();
  for (const auto& [name, version] : std::vector<std::pair<std::string, uint32_t>>{
           {"current", 4}, {"previous", 3}, {"v0004", 4}, {"pin", 3}}) {
    const absl::StatusOr<StoredVersion> found = store.Find(name);
    ASSERT_TRUE(found.ok()) << name << ": " << found.status();
    EXPECT_EQ(found->version, Version(version)) << name;
    EXPECT_EQ(found->folder, store.VersionDir(Version(version))) << name;
    EXPECT_EQ(found->manifest.version, Version(version)) << name;
  }
  EXPECT_EQ(Text(LedgerFile()), ledger);
}

TEST_F(BranchStoreTest, FindsABackupWhereTheVersionIsGoneOrDamaged) {
  CommitRuns(4);
  const std::string backup = "backup_current_20251031_104044";
  EXPECT_EQ(Open().Find("v0001")->folder, adapters_ / "backups" / backup);
  EXPECT_EQ(Open().Find(backup)->folder, adapters_ / "backups" / backup);
  Overwrite(adapters_ / "versions/v0003/adapter_model.safetensors", "damaged");
  EXPECT_EQ(Open().Find("previous")->folder.parent_path(), adapters_ / "backups");
  Overwrite(adapters_ / "versions/v0004/adapter_config.json", "damaged");
  EXPECT_TRUE(absl::IsDataLoss(Open().Find("current").status()));
}

TEST_F(BranchStoreTest, FindsNothingByAnUnknownName) {
  EXPECT_TRUE(absl::IsNotFound(Open().Find("current").status()));
  CommitRuns(1);
  for (const char* name : {"v0009", "previous", "", "../x", "backup_current_20200101_000000"})
    EXPECT_TRUE(absl::IsNotFound(Open().Find(name).status())) << name;
}

TEST_F(BranchStoreTest, CandidateOfAnOldParentIsParkedUntilTaken) {
  CommitRuns(2);
  BranchStore store = Open();
  const absl::StatusOr<CommitOutcome> parked = store.Commit(CandidateOf(3, Version(1)));
  ASSERT_TRUE(parked.ok()) << parked.status();
  EXPECT_TRUE(parked->parked);
  EXPECT_EQ(ValueBehind("current"), 2);
  ASSERT_TRUE(store.Commit(CandidateOf(4, Version(2))).ok());
  EXPECT_EQ(ValueBehind("versions/v0003"), 3);
  EXPECT_EQ(*store.Restore("v0003", kNow), Version(3));
  EXPECT_THAT(store.LineageOfCurrent()->held,
              testing::UnorderedElementsAre(Sha256Of("d2.jsonl"), Sha256Of("d4.jsonl")));
}

class GateTest : public TrainedBranch {
 protected:
  void ExpectRefused(const Candidate& candidate, const std::string& why) {
    CommitRuns(1);
    BranchStore store = Open();
    const absl::StatusOr<CommitOutcome> outcome = store.Commit(candidate);
    EXPECT_TRUE(absl::IsDataLoss(outcome.status())) << outcome.status();
    EXPECT_THAT(std::string(outcome.status().message()), HasSubstr(why));
    EXPECT_EQ(ValueBehind("current"), 1);
    EXPECT_THAT(Names("versions"), ElementsAre("v0001"));
  }
};

TEST_F(GateTest, RefusesNaN) {
  Candidate candidate = CandidateOf(2, Version(1));
  candidate.adapter[3] = std::nanf("");
  ExpectRefused(Redigested(candidate), "not finite at element 3");
}

TEST_F(GateTest, RefusesZeroB) {
  Candidate candidate = CandidateOf(2, Version(1));
  std::fill(candidate.adapter.begin() + 6, candidate.adapter.end(), 0.0f);
  ExpectRefused(Redigested(candidate), "every lora_B is zero");
}

TEST_F(GateTest, RefusesAnotherDigest) {
  Candidate candidate = CandidateOf(2, Version(1));
  candidate.digest = Sha256Of("another");
  ExpectRefused(candidate, "the ranks agreed on");
}

TEST_F(GateTest, RefusesALossThatIsNotFinite) {
  Candidate candidate = CandidateOf(2, Version(1));
  candidate.stages[0].loss = INFINITY;
  ExpectRefused(candidate, "the loss of d2.jsonl");
}

TEST_F(GateTest, RefusesMissingElementsAndNothingTrained) {
  BranchStore store = Open();
  Candidate candidate = CandidateOf(1, Version());
  candidate.adapter.pop_back();
  EXPECT_TRUE(absl::IsInvalidArgument(store.Commit(candidate).status()));
  candidate = CandidateOf(1, Version());
  candidate.stages.erase(candidate.stages.begin());
  EXPECT_TRUE(absl::IsInvalidArgument(store.Commit(candidate).status()));
}

TEST_F(GateTest, RefusesWhatPeftWouldNotLoad) {
  Candidate candidate = CandidateOf(2, Version(1));
  candidate.layout.tensors[0].name = "q_proj.lora_A.weight";
  ExpectRefused(candidate, "PEFT would not load it: q_proj.lora_A.weight is called otherwise");
}

TEST_F(GateTest, RefusesAnAdapterWithoutItsTemplate) {
  BranchStore store = Open();
  Candidate candidate = CandidateOf(1, Version());
  candidate.chat_template = "";
  EXPECT_TRUE(absl::IsInvalidArgument(store.Commit(candidate).status()));
}

TEST_F(GateTest, RefusesAnotherBaseModel) {
  CommitRuns(1);
  BranchStore store = Open();
  Candidate candidate = CandidateOf(2, Version(1));
  candidate.base_fingerprint = Sha256Of("another base");
  const absl::Status refused = store.Commit(candidate).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr(Sha256Of("base").Hex()));
}

}  // namespace
}  // namespace strata
