// Goal: an adapter that was begun anew takes nothing over from the one it replaces, and going back
// and forth between the two lineages forgets and holds nothing by the way. Method: two trained
// versions, a third with a fresh lineage, then restores and commits on either side.
#include "coordinator/store/metadata.h"
#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const BranchStore::Time kNow = std::chrono::system_clock::from_time_t(1761990000);

Digest ContentOf(uint32_t dataset) { return Sha256Of("d" + std::to_string(dataset) + ".jsonl"); }

class FreshLineageTest : public TrainedBranch {
 protected:
  // v0001 of d1, v0002 of d1 and d2.
  void SetUp() override {
    TrainedBranch::SetUp();
    CommitRuns(2);
  }
  // Run `run`, begun anew over `datasets` while `current` was current.
  static Candidate Rebuilt(uint32_t run, Version current, const std::vector<uint32_t>& datasets) {
    Candidate candidate = CandidateOf(run, current);
    candidate.fresh_lineage = true;
    candidate.stages.clear();
    candidate.examples.clear();
    for (const uint32_t dataset : datasets) {
      const Candidate one = CandidateOf(dataset, current);
      candidate.stages.push_back(one.stages[0]);
      candidate.examples.insert(one.examples.begin(), one.examples.end());
    }
    return candidate;
  }
  static void Commit(BranchStore* store, const Candidate& candidate) {
    const absl::StatusOr<CommitOutcome> outcome = store->Commit(candidate);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    ASSERT_FALSE(outcome->parked);
  }
  static void Restore(BranchStore* store, const std::string& name) {
    const absl::StatusOr<Version> version = store->Restore(name, kNow);
    ASSERT_TRUE(version.ok()) << version.status();
  }
  static std::vector<std::string> Trained(const BranchStore& store) {
    const Lineage lineage = *store.LineageOfCurrent();
    std::vector<std::string> names;
    for (const TrainedDataset& dataset : lineage.trained) names.push_back(dataset.name);
    return names;
  }
  static std::set<Digest> Held(const BranchStore& store) { return store.LineageOfCurrent()->held; }
};

TEST_F(FreshLineageTest, BeginsWithItselfAndInheritsNothing) {
  BranchStore store = Open();
  Commit(&store, Rebuilt(3, Version(2), {2}));
  EXPECT_THAT(Trained(store), ElementsAre("d2.jsonl"));
  EXPECT_THAT(store.LineageOfCurrent()->examples, SizeIs(1));
  EXPECT_THAT(*store.History(), SizeIs(1));
  const Json metadata = *store.Metadata(Version(3));
  EXPECT_EQ(metadata["total_examples_trained"], 10);
  EXPECT_EQ(metadata["total_epochs"], 3);
  EXPECT_EQ(metadata["best_loss"], 0.5);
  EXPECT_THAT(metadata["training_history"], SizeIs(1));
}

TEST_F(FreshLineageTest, ReplacesCurrentAsAnyCommitWithPreviousAndBackups) {
  BranchStore store = Open();
  const absl::StatusOr<CommitOutcome> outcome = store.Commit(Rebuilt(3, Version(2), {1, 2}));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(outcome->backups,
              ElementsAre("backup_current_20251031_104045", "backup_previous_20251031_104045"));
  EXPECT_EQ(ValueBehind("current"), 3);
  EXPECT_EQ(ValueBehind("previous"), 2);
  EXPECT_EQ(ValueBehind("backups/backup_current_20251031_104045"), 2);
  EXPECT_THAT(*store.Verify(), IsEmpty());
}

TEST_F(FreshLineageTest, MayHaveAnotherBaseAndTheNextRunContinuesIt) {
  BranchStore store = Open();
  Candidate rebuilt = Rebuilt(3, Version(2), {1});
  rebuilt.base_fingerprint = Sha256Of("another base");
  Commit(&store, rebuilt);
  EXPECT_TRUE(absl::IsFailedPrecondition(store.Commit(CandidateOf(4, Version(3))).status()));
  Candidate next = CandidateOf(4, Version(3));
  next.base_fingerprint = Sha256Of("another base");
  Commit(&store, next);
  EXPECT_THAT(Trained(store), ElementsAre("d1.jsonl", "d4.jsonl"));
  EXPECT_THAT(*store.Verify(), IsEmpty());
}

TEST_F(FreshLineageTest, WhatItDidNotTrainIsPendingAndNotHeld) {
  BranchStore store = Open();
  Commit(&store, Rebuilt(3, Version(2), {2}));
  EXPECT_THAT(Held(store), IsEmpty());
  EXPECT_THAT(store.LineageOfCurrent()->held_names, IsEmpty());
}

TEST_F(FreshLineageTest, WhatItTrainsIsHeldNoLongerAndTheRestStaysHeld) {
  BranchStore store = Open();
  Commit(&store, CandidateOf(3, Version(2)));
  Restore(&store, "v0001");
  ASSERT_THAT(Held(store), SizeIs(2));
  Commit(&store, Rebuilt(4, Version(1), {1, 2}));
  EXPECT_THAT(Held(store), ElementsAre(ContentOf(3)));
}

TEST_F(FreshLineageTest, GoingBackHoldsOnlyWhatTheOldOneNeverHad) {
  BranchStore store = Open();
  Commit(&store, Rebuilt(3, Version(2), {1, 2}));
  Commit(&store, CandidateOf(4, Version(3)));
  Restore(&store, "v0002");
  EXPECT_THAT(Trained(store), ElementsAre("d1.jsonl", "d2.jsonl"));
  EXPECT_THAT(Held(store), ElementsAre(ContentOf(4)));
  Restore(&store, "previous");
  EXPECT_THAT(Trained(store), ElementsAre("d1.jsonl", "d2.jsonl", "d4.jsonl"));
  EXPECT_THAT(Held(store), IsEmpty());
}

TEST_F(FreshLineageTest, GoingBackAndReturningLeavesPendingWhatWasPending) {
  BranchStore store = Open();
  Commit(&store, Rebuilt(3, Version(2), {2}));  // d1 is pending
  Restore(&store, "previous");
  EXPECT_THAT(Held(store), IsEmpty());
  Restore(&store, "previous");
  EXPECT_EQ(store.current(), Version(3));
  EXPECT_THAT(Held(store), IsEmpty());
  EXPECT_THAT(Trained(store), ElementsAre("d2.jsonl"));
}

TEST_F(FreshLineageTest, GoingBackBeforeAHeldDatasetHoldsItAgain) {
  BranchStore store = Open();
  Restore(&store, "v0001");
  Commit(&store, Rebuilt(3, Version(1), {1, 2}));
  Restore(&store, "v0001");
  EXPECT_THAT(Held(store), ElementsAre(ContentOf(2)));
}

TEST_F(FreshLineageTest, WhatTheOldOneWentOnToTrainIsHeldOnReturn) {
  BranchStore store = Open();
  Commit(&store, Rebuilt(3, Version(2), {1, 2}));
  Restore(&store, "v0002");
  Commit(&store, CandidateOf(4, Version(2)));
  Restore(&store, "v0003");
  EXPECT_THAT(Held(store), ElementsAre(ContentOf(4)));
  EXPECT_THAT(Trained(store), ElementsAre("d1.jsonl", "d2.jsonl"));
}

TEST_F(FreshLineageTest, OneLineageMayFollowAnother) {
  BranchStore store = Open();
  Commit(&store, Rebuilt(3, Version(2), {1}));
  Commit(&store, Rebuilt(4, Version(3), {2}));
  EXPECT_THAT(Trained(store), ElementsAre("d2.jsonl"));
  Restore(&store, "v0003");
  EXPECT_THAT(Held(store), ElementsAre(ContentOf(2)));
  Restore(&store, "v0004");
  EXPECT_THAT(Held(store), IsEmpty());
}

TEST_F(FreshLineageTest, IsParkedWhenCurrentHasMovedOnAndCanBeTaken) {
  BranchStore store = Open();
  Restore(&store, "v0001");
  const absl::StatusOr<CommitOutcome> parked = store.Commit(Rebuilt(3, Version(2), {1}));
  ASSERT_TRUE(parked.ok()) << parked.status();
  EXPECT_TRUE(parked->parked);
  EXPECT_EQ(store.current(), Version(1));
  EXPECT_THAT(Held(store), ElementsAre(ContentOf(2)));
  Restore(&store, "v0003");
  EXPECT_THAT(Trained(store), ElementsAre("d1.jsonl"));
  EXPECT_THAT(Held(store), ElementsAre(ContentOf(2)));
}

TEST_F(FreshLineageTest, SurvivesItsOldLineageBeingPruned) {
  BranchStore store = Open();
  Commit(&store, Rebuilt(3, Version(2), {1, 2}));
  for (uint32_t run = 4; run <= 6; ++run) Commit(&store, CandidateOf(run, Version(run - 1)));
  EXPECT_THAT(Names("versions"), ElementsAre("v0005", "v0006"));
  Restore(&store, "backup_current_20251031_104045");
  EXPECT_EQ(store.current(), Version(2));
  EXPECT_THAT(Trained(store), ElementsAre("d1.jsonl", "d2.jsonl"));
  EXPECT_THAT(Held(store), testing::UnorderedElementsAre(ContentOf(4), ContentOf(5), ContentOf(6)));
  EXPECT_THAT(*store.Verify(), IsEmpty());
}

TEST_F(FreshLineageTest, ReplacesACurrentOfWhichNoCopyIsWhole) {
  Overwrite(adapters_ / "versions/v0002/trained_examples.bin", "cut");
  BranchStore store = Open();
  EXPECT_TRUE(absl::IsDataLoss(store.Recover().status()));
  EXPECT_TRUE(absl::IsDataLoss(store.LineageOfCurrent().status()));
  EXPECT_THAT(store.LineageWithoutExamples()->trained, SizeIs(2));
  Commit(&store, Rebuilt(3, Version(2), {1, 2}));
  EXPECT_EQ(ValueBehind("current"), 3);
  EXPECT_TRUE(Open().Recover().ok());
}

TEST_F(FreshLineageTest, TheSameRunCommittedAgainChangesNothing) {
  BranchStore store = Open();
  Commit(&store, Rebuilt(3, Version(2), {1}));
  const std::string ledger = Text(LedgerFile());
  Commit(&store, Rebuilt(3, Version(2), {1}));
  EXPECT_EQ(Text(LedgerFile()), ledger);
}

}  // namespace
}  // namespace strata
