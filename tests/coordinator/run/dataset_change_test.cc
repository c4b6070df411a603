// Goal: the datasets that a user names, and no others, are excluded, included and released, and
// what is said of the next plan is what it does. Method: a branch of small files and adapters, the
// lineage and the plan's words before and after.
#include "coordinator/run/dataset_change.h"

#include "tests/coordinator/catalog/training_folder.h"
#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const BranchStore::Time kNow = std::chrono::system_clock::from_time_t(1761990000);

class DatasetChangeTest : public TrainedBranch {
 protected:
  void SetUp() override {
    TrainedBranch::SetUp();
    for (const char* name : {"alpha.jsonl", "beta_old.jsonl", "gamma_old.jsonl"})
      folder_.Write(name, GoodLine(name));
  }
  // A version trained on what the file holds now.
  void Train(const std::string& name) const {
    BranchStore store = Open();
    Candidate candidate = CandidateOf(store.current().value() + 1, store.current());
    candidate.stages.resize(1);
    candidate.stages[0].dataset = name;
    candidate.stages[0].sha256 = Sha256OfFile(folder_.PathOf(name)).value();
    const absl::StatusOr<CommitOutcome> outcome = store.Commit(candidate);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
  }
  void Restore(const std::string& name) const { ASSERT_TRUE(Open().Restore(name, kNow).ok()); }
  // "NAME: what it is now | what plan says", with a * behind the name when it was changed.
  std::vector<std::string> Change(DatasetChange change, const std::vector<std::string>& names) {
    BranchStore store = Open();
    const auto changed = ChangeDatasets(folder_.config(), change, names, &store);
    EXPECT_TRUE(changed.ok()) << changed.status();
    std::vector<std::string> said;
    for (const ChangedDataset& one : changed.ok() ? *changed : std::vector<ChangedDataset>())
      said.push_back(one.name + (one.changed ? "*: " : ": ") + one.now + " | " + one.plan);
    return said;
  }
  absl::Status Refusal(DatasetChange change, const std::vector<std::string>& names) {
    const std::string before = Text(LedgerFile());
    BranchStore store = Open();
    const absl::Status status = ChangeDatasets(folder_.config(), change, names, &store).status();
    EXPECT_EQ(Text(LedgerFile()), before);
    return status;
  }
  std::set<std::string> Excluded() const { return Open().LineageOfCurrent()->excluded; }

  TrainingFolder folder_;
};

TEST_F(DatasetChangeTest, ExcludedFilesAreLeftOutUntilTheyAreIncluded) {
  EXPECT_THAT(Change(DatasetChange::kExclude, {"alpha"}),
              ElementsAre("alpha.jsonl*: excluded | excluded; take it in again with strata include "
                          "alpha.jsonl"));
  EXPECT_THAT(Change(DatasetChange::kExclude, {"alpha.jsonl"}),
              ElementsAre(HasSubstr("alpha.jsonl: excluded already | excluded;")));
  EXPECT_THAT(Change(DatasetChange::kInclude, {"alpha"}),
              ElementsAre("alpha.jsonl*: included | pending: 1 examples"));
  EXPECT_THAT(Change(DatasetChange::kInclude, {"alpha"}),
              ElementsAre("alpha.jsonl: included already | pending: 1 examples"));
}

TEST_F(DatasetChangeTest, GlobsChooseAllThatFitAndNoOthers) {
  Change(DatasetChange::kExclude, {"*_OLD"});
  EXPECT_THAT(Excluded(), ElementsAre("beta_old.jsonl", "gamma_old.jsonl"));
  Change(DatasetChange::kInclude, {"beta*", "gamma_old.json?"});
  EXPECT_THAT(Excluded(), IsEmpty());
}

TEST_F(DatasetChangeTest, AFileCalledLikeAGlobIsMeantAlone) {
  folder_.Write("*.jsonl", GoodLine("star"));
  Change(DatasetChange::kExclude, {"*"});
  EXPECT_THAT(Excluded(), ElementsAre("*.jsonl"));
}

TEST_F(DatasetChangeTest, OneUnknownNameChangesNothingAndIsAnsweredWithTheNearest) {
  const absl::Status status = Refusal(DatasetChange::kExclude, {"alpha", "beta_odl"});
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("no dataset 'beta_odl' in training/; the nearest: beta_old.jsonl, "));
  EXPECT_TRUE(absl::IsInvalidArgument(Refusal(DatasetChange::kInclude, {"none*"})));
  EXPECT_TRUE(absl::IsInvalidArgument(Refusal(DatasetChange::kRelease, {"../alpha"})));
  EXPECT_TRUE(absl::IsInvalidArgument(Refusal(DatasetChange::kRelease, {""})));
}

TEST_F(DatasetChangeTest, WhatIsTrainedStaysInTheAdapterAndThatIsSaid) {
  Train("alpha.jsonl");
  EXPECT_THAT(Change(DatasetChange::kExclude, {"alpha"}),
              ElementsAre(HasSubstr("stays in the adapter until `strata rebuild`")));
}

TEST_F(DatasetChangeTest, WhatBranchYamlExcludesIsNotIncludedHere) {
  folder_.config().datasets = {{.file = "alpha.jsonl", .exclude = true}};
  Change(DatasetChange::kExclude, {"alpha"});
  BranchStore store = Open();
  const auto changed = ChangeDatasets(folder_.config(), DatasetChange::kInclude, {"alpha"}, &store);
  ASSERT_TRUE(changed.ok());
  EXPECT_TRUE(changed->front().needs_yaml);
  EXPECT_THAT(changed->front().now, HasSubstr("excluded by branch.yaml: take `exclude: true` out"));
  EXPECT_EQ(changed->front().plan, "excluded by branch.yaml");
  EXPECT_THAT(Excluded(), IsEmpty());
}

TEST_F(DatasetChangeTest, AnExcludedFileThatIsGoneCanBeIncluded) {
  Change(DatasetChange::kExclude, {"alpha"});
  std::filesystem::remove(folder_.PathOf("alpha.jsonl"));
  EXPECT_THAT(Change(DatasetChange::kInclude, {"alpha"}),
              ElementsAre("alpha.jsonl*: included | not in training/"));
}

TEST_F(DatasetChangeTest, ReleasedFilesArePendingAgain) {
  Train("alpha.jsonl");
  Train("beta_old.jsonl");
  Restore("v0001");
  EXPECT_THAT(Change(DatasetChange::kRelease, {"beta_old", "alpha"}),
              ElementsAre("alpha.jsonl: was not held | trained",
                          "beta_old.jsonl*: released: held no longer | pending: 1 examples"));
  EXPECT_THAT(Open().LineageOfCurrent()->held, IsEmpty());
}

TEST_F(DatasetChangeTest, AHeldFileThatHasChangedSinceIsReleased) {
  Train("alpha.jsonl");
  Train("beta_old.jsonl");
  folder_.Write("beta_old.jsonl", GoodLine("one") + GoodLine("two"));
  Train("beta_old.jsonl");
  Restore("v0001");
  folder_.Write("beta_old.jsonl", GoodLine("one") + GoodLine("two") + GoodLine("three"));
  EXPECT_THAT(Change(DatasetChange::kRelease, {"beta_old"}),
              ElementsAre(HasSubstr("| pending: 3 examples")));
  EXPECT_THAT(Open().LineageOfCurrent()->held, IsEmpty());
}

TEST_F(DatasetChangeTest, AHeldFileIsReleasedUnderEitherOfItsNames) {
  for (const char* name : {"beta_old", "renamed"}) {
    Wipe();
    folder_.Write("beta_old.jsonl", GoodLine("beta"));
    Train("alpha.jsonl");
    Train("beta_old.jsonl");
    Restore("v0001");
    std::filesystem::rename(folder_.PathOf("beta_old.jsonl"), folder_.PathOf("renamed.jsonl"));
    EXPECT_THAT(Change(DatasetChange::kRelease, {name}), ElementsAre(HasSubstr("*: released")));
    EXPECT_THAT(Open().LineageOfCurrent()->held, IsEmpty()) << name;
  }
}

TEST_F(DatasetChangeTest, NothingIsChangedWhereTheLedgerCannotBeBelieved) {
  Train("alpha.jsonl");
  Overwrite(LedgerFile(), "no ledger\n");
  EXPECT_TRUE(absl::IsDataLoss(Refusal(DatasetChange::kExclude, {"alpha"})));
}

}  // namespace
}  // namespace strata
