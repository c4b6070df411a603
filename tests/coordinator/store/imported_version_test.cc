// Goal: an adapter from elsewhere becomes a version that says so: its history is carried on as told
// and not as measured, and no run's report is made of it. Method: commits of a candidate with an
// origin before and after trained ones, read back from ledger, metadata and report.
#include "coordinator/store/metadata.h"
#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ImportedVersionTest : public TrainedBranch {
 protected:
  // Run `run`, of an adapter that is said to have seen d1.
  static Candidate Imported(uint32_t run, Version current, const Json& metadata = nullptr) {
    Candidate candidate = CandidateOf(1, current);
    candidate.run = RunId("run-" + std::to_string(run));
    candidate.fresh_lineage = true;
    candidate.origin = Origin{{{"folder", "/elsewhere"}}, metadata};
    candidate.stages.resize(1);
    candidate.stages[0].loss = std::nullopt;
    candidate.stages[0].epochs = 0;
    return candidate;
  }
  static Json OldMetadata() {
    return {{"last_dataset", "old.jsonl"},
            {"total_examples_trained", 100},
            {"total_epochs", 9},
            {"best_loss", 0.001},
            {"training_history",
             {{{"dataset", "d1.jsonl"}, {"examples", 60}, {"epochs", 6}, {"loss", 0.002}},
              {{"dataset", "old.jsonl"}, {"examples", 40}, {"epochs", 3}, {"loss", 0.001}}}}};
  }
  Json Committed(const Candidate& candidate) {
    BranchStore store = Open();
    const absl::StatusOr<CommitOutcome> outcome = store.Commit(candidate);
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.ok() ? outcome->metadata : Json();
  }
};

TEST_F(ImportedVersionTest, WhatItHasSeenIsTrainedWithoutALoss) {
  const Json metadata = Committed(Imported(1, Version()));
  EXPECT_EQ(metadata["imported_from"], Json({{"folder", "/elsewhere"}, {"version", "v0001"}}));
  const Json line = metadata["training_history"][0];
  EXPECT_TRUE(line["loss"].is_null() && line["epochs"].is_null() && line["timestamp"].is_null());
  EXPECT_EQ(line["elsewhere"], true);
  EXPECT_EQ(metadata["total_examples_trained"], 10);
  EXPECT_TRUE(metadata["best_loss"].is_null() && metadata["last_loss"].is_null());
  const BranchStore store = Open();
  EXPECT_EQ(store.LineageOfCurrent()->trained[0].loss, std::nullopt);
  EXPECT_EQ(store.History()->front().loss, std::nullopt);
  EXPECT_THAT(*store.Verify(), IsEmpty());
}

TEST_F(ImportedVersionTest, NothingNeedBeKnownOfWhatItHasSeen) {
  Candidate candidate = Imported(1, Version());
  candidate.stages.clear();
  Committed(candidate);
  EXPECT_EQ(Open().current(), Version(1));
  EXPECT_THAT(Open().LineageOfCurrent()->trained, IsEmpty());
}

TEST_F(ImportedVersionTest, ItsHistoryIsCarriedOnOnceAndItsLossesDoNotCompete) {
  Json metadata = Committed(Imported(1, Version(), OldMetadata()));
  EXPECT_THAT(metadata["training_history"], SizeIs(2));
  EXPECT_EQ(metadata["total_examples_trained"], 100);
  EXPECT_EQ(metadata["last_dataset"], "old.jsonl");
  EXPECT_TRUE(metadata["best_loss"].is_null());
  metadata = Committed(CandidateOf(2, Version(1)));
  EXPECT_THAT(metadata["training_history"], SizeIs(3));
  EXPECT_EQ(metadata["total_examples_trained"], 110);
  EXPECT_EQ(metadata["total_epochs"], 12);
  EXPECT_EQ(metadata["best_loss"], 0.5);
  EXPECT_EQ(metadata["imported_from"]["version"], "v0001");
}

TEST_F(ImportedVersionTest, WhatIsNoHistoryIsLeftOut) {
  EXPECT_TRUE(MetadataFromElsewhere(nullptr).is_null());
  EXPECT_TRUE(MetadataFromElsewhere({{"training_history", "none"}}).is_null());
  const Json odd = {{"training_history", {3, {{"dataset", "a.jsonl"}, {"examples", "many"}}}}};
  const Json carried = MetadataFromElsewhere(odd);
  EXPECT_THAT(carried["training_history"], SizeIs(1));
  EXPECT_EQ(carried["total_examples_trained"], 0);
}

TEST_F(ImportedVersionTest, NothingIsTakenFromTheVersionItReplaces) {
  CommitRuns(2);
  Candidate candidate = Imported(3, Version(2));
  candidate.base_fingerprint = Sha256Of("another base");
  const Json metadata = Committed(candidate);
  EXPECT_EQ(metadata["total_examples_trained"], 10);
  const Lineage lineage = *Open().LineageOfCurrent();
  EXPECT_THAT(lineage.trained, SizeIs(1));
  EXPECT_FALSE(lineage.examples.contains("d2.jsonl"));
  EXPECT_EQ(Open().previous(), Version(2));
}

TEST_F(ImportedVersionTest, TheNewestReportIsThatOfARun) {
  Committed(Imported(1, Version()));
  EXPECT_EQ(*Open().ReportOfNewest(), std::nullopt);
  Committed(CandidateOf(2, Version(1)));
  Committed(Imported(3, Version(2)));
  EXPECT_EQ((*Open().ReportOfNewest())->run, "run-2");
}

TEST_F(ImportedVersionTest, IsJudgedLikeATrainedOne) {
  Candidate candidate = Imported(1, Version());
  std::fill(candidate.adapter.begin(), candidate.adapter.end(), 0.0f);
  BranchStore store = Open();
  const absl::Status refused = store.Commit(candidate).status();
  EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("every lora_B is zero"));
}

}  // namespace
}  // namespace strata
