// Goal: every dataset and every example is trained, or left alone for a reason that a user can
// read. Method: one named case for each decision.
#include "coordinator/plan/pending.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "tests/coordinator/plan/planned_branch.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PendingTest : public testing::Test {
 protected:
  // The names of the stages, each followed by its number of examples.
  std::vector<std::string> Stages(const PlanRequest& request = {}) {
    plan_ = branch_.Make(request);
    std::vector<std::string> stages;
    for (const StagePlan& stage : plan_.stages)
      stages.push_back(stage.dataset + " " + std::to_string(stage.examples.size()));
    return stages;
  }
  std::string WhySkipped(const std::string& dataset) {
    for (const SkippedDataset& skipped : plan_.skipped)
      if (skipped.dataset == dataset) return (skipped.is_error ? "error: " : "") + skipped.reason;
    return "not skipped";
  }
  PlannedBranch branch_;
  Plan plan_;
};

TEST_F(PendingTest, NewDatasetsAreTrainedInTheOrderOfTheCatalog) {
  branch_.Add("b.jsonl", {{"1"}, {"2"}});
  branch_.Add("a.jsonl", {{"3"}});
  branch_.lineage.current = Version(4);
  EXPECT_THAT(Stages(), ElementsAre("b.jsonl 2", "a.jsonl 1"));
  EXPECT_EQ(plan_.parent, Version(4));
  EXPECT_EQ(plan_.stages[1].index, 1u);
  EXPECT_EQ(plan_.stages[0].tokens, 20u);
  EXPECT_EQ(plan_.stages[0].supervised_tokens, 10u);
}

TEST_F(PendingTest, TrainedDatasetIsLeftAlone) {
  branch_.Add("a.jsonl", {{"1"}});
  branch_.MarkTrained(0);
  EXPECT_THAT(Stages(), IsEmpty());
  EXPECT_EQ(WhySkipped("a.jsonl"), "trained");
}

TEST_F(PendingTest, TwinInTheRunIsLeftAlone) {
  branch_.Add("a.jsonl", {{"1"}});
  branch_.Add("b.jsonl", {{"1"}});
  EXPECT_THAT(Stages(), ElementsAre("a.jsonl 1"));
  EXPECT_EQ(WhySkipped("b.jsonl"), "twin of a.jsonl");
}

TEST_F(PendingTest, TwinOfATrainedDatasetIsLeftAlone) {
  branch_.Add("a.jsonl", {{"1"}});
  branch_.MarkTrained(0);
  branch_.Add("b.jsonl", {{"1"}});
  EXPECT_THAT(Stages(), IsEmpty());
  EXPECT_EQ(WhySkipped("b.jsonl"), "twin of a.jsonl, trained");
}

TEST_F(PendingTest, TwinOfADatasetThatIsNotTrainedIsTrained) {
  branch_.Add("a.jsonl", {{"1"}});
  branch_.Add("b.jsonl", {{"1"}});
  branch_.dataset(0).excluded = true;
  EXPECT_THAT(Stages(), ElementsAre("b.jsonl 1"));
}

TEST_F(PendingTest, ChangedFileTrainsItsNewExamplesOnly) {
  branch_.Add("a.jsonl", {{"1"}, {"2"}, {"3"}});
  branch_.lineage.trained.push_back({"a.jsonl", Sha256Of("before"), 0, 2, 1, 0, ""});
  branch_.lineage.examples["a.jsonl"] = {branch_.dataset(0).examples[0].content,
                                         branch_.dataset(0).examples[2].content};
  EXPECT_THAT(Stages(), ElementsAre("a.jsonl 1"));
  EXPECT_THAT(plan_.stages[0].examples, ElementsAre(1u));
  EXPECT_EQ(plan_.stages[0].already_trained, 2u);
}

TEST_F(PendingTest, ChangedFileIsTrainedWholeWhenAskedFor) {
  branch_.config().changed_datasets = ChangedDatasets::kAll;
  branch_.Add("a.jsonl", {{"1"}, {"2"}});
  branch_.lineage.trained.push_back({"a.jsonl", Sha256Of("before"), 0, 1, 1, 0, ""});
  branch_.lineage.examples["a.jsonl"] = {branch_.dataset(0).examples[0].content};
  EXPECT_THAT(Stages(), ElementsAre("a.jsonl 2"));
}

TEST_F(PendingTest, ChangedFileWithoutANewExampleIsLeftAlone) {
  branch_.Add("a.jsonl", {{"1"}});
  branch_.lineage.trained.push_back({"a.jsonl", Sha256Of("before"), 0, 1, 1, 0, ""});
  branch_.lineage.examples["a.jsonl"] = {branch_.dataset(0).examples[0].content};
  EXPECT_THAT(Stages(), IsEmpty());
  EXPECT_EQ(WhySkipped("a.jsonl"), "no new example");
}

TEST_F(PendingTest, HeldDatasetWaitsUntilItIsAskedForByName) {
  branch_.Add("a.jsonl", {{"1"}});
  branch_.Add("b.jsonl", {{"2"}});
  branch_.lineage.held = {branch_.dataset(0).sha256};
  EXPECT_THAT(Stages(), ElementsAre("b.jsonl 1"));
  EXPECT_EQ(WhySkipped("a.jsonl"),
            "held: undone by a restore; train it with --dataset a.jsonl, or strata release it");
  EXPECT_THAT(Stages({false, {"a"}}), ElementsAre("a.jsonl 1"));
  EXPECT_THAT(Stages({true, {}}), ElementsAre("b.jsonl 1"));
}

TEST_F(PendingTest, HeldFileThatHasGrownStaysHeld) {
  branch_.Add("a.jsonl", {{"uno"}, {"dos"}});
  branch_.lineage.held_names = {"a.jsonl"};
  EXPECT_THAT(Stages(), IsEmpty());
  EXPECT_EQ(WhySkipped("a.jsonl"),
            "held: undone by a restore; train it with --dataset a.jsonl, or strata release it");
  TrainedDataset known;
  known.name = "a.jsonl";
  branch_.lineage.trained = {known};
  EXPECT_THAT(Stages(), ElementsAre("a.jsonl 2"));
}

TEST_F(PendingTest, ExcludedDatasetIsLeftAloneEvenWithAll) {
  branch_.Add("a.jsonl", {{"1"}});
  branch_.Add("b.jsonl", {{"2"}});
  branch_.dataset(0).excluded = true;
  branch_.lineage.excluded = {"b.jsonl"};
  EXPECT_THAT(Stages({true, {}}), IsEmpty());
  EXPECT_EQ(WhySkipped("a.jsonl"), "excluded by branch.yaml");
  EXPECT_EQ(WhySkipped("b.jsonl"), "excluded; take it in again with strata include b.jsonl");
}

TEST_F(PendingTest, AllTrainsAgainWithTheNextPass) {
  branch_.Add("a.jsonl", {{"1"}});
  branch_.Add("b.jsonl", {{"2"}});
  branch_.MarkTrained(0, 0);
  branch_.MarkTrained(0, 1);
  EXPECT_THAT(Stages({true, {}}), ElementsAre("a.jsonl 1", "b.jsonl 1"));
  EXPECT_EQ(plan_.stages[0].pass, 2u);
  EXPECT_EQ(plan_.stages[1].pass, 0u);
}

TEST_F(PendingTest, RebuildTrainsAllThatIsNotExcludedAtPassZero) {
  for (const char* name : {"trained.jsonl", "changed.jsonl", "held.jsonl", "out.jsonl"})
    branch_.Add(name, {{name}});
  branch_.lineage.current = Version(3);
  branch_.MarkTrained(0, 1);
  branch_.lineage.trained.push_back({"changed.jsonl", Sha256Of("before"), 0, 1, 1, 0, ""});
  branch_.lineage.examples["changed.jsonl"] = {branch_.dataset(1).examples[0].content};
  branch_.lineage.held = {branch_.dataset(2).sha256};
  branch_.lineage.held_names = {"held.jsonl"};
  branch_.lineage.excluded = {"out.jsonl"};
  EXPECT_THAT(Stages(), IsEmpty());
  EXPECT_FALSE(plan_.rebuild);
  const PlanRequest rebuild{false, {}, true};
  EXPECT_THAT(Stages(rebuild), ElementsAre("trained.jsonl 1", "changed.jsonl 1", "held.jsonl 1"));
  for (const StagePlan& stage : plan_.stages) EXPECT_EQ(stage.pass, 0u) << stage.dataset;
  EXPECT_TRUE(plan_.rebuild);
  EXPECT_EQ(plan_.parent, Version(3));
  EXPECT_THAT(WhySkipped("out.jsonl"), HasSubstr("excluded"));
  EXPECT_EQ(NeedsTokens(branch_.config(), branch_.catalog(), branch_.lineage, rebuild),
            (std::vector<bool>{true, true, true, false}));
}

TEST_F(PendingTest, FileOfBrokenLinesOnlyIsAnError) {
  branch_.Add("a.jsonl", {});
  branch_.dataset(0).bad_line_count = 3;
  branch_.dataset(0).bad_lines = {{2, "not JSON"}};
  EXPECT_THAT(Stages(), IsEmpty());
  EXPECT_EQ(WhySkipped("a.jsonl"), "error: no good line: 3 refused, the first at line 2: not JSON");
}

TEST_F(PendingTest, EmptyFileIsNoError) {
  branch_.Add("a.jsonl", {});
  EXPECT_THAT(Stages(), IsEmpty());
  EXPECT_EQ(WhySkipped("a.jsonl"), "empty");
}

TEST_F(PendingTest, OnlyWhatIsAskedForIsTrained) {
  branch_.Add("a.jsonl", {{"1"}});
  branch_.Add("b.jsonl", {{"2"}});
  EXPECT_THAT(Stages({false, {"b"}}), ElementsAre("b.jsonl 1"));
  EXPECT_EQ(WhySkipped("a.jsonl"), "not asked for");
}

TEST_F(PendingTest, UnknownDatasetIsAnsweredWithTheNearest) {
  branch_.Add("premium.jsonl", {{"1"}});
  branch_.Add("train.jsonl", {{"2"}});
  const absl::Status status = branch_.TryMake({false, {"trian.jsonl"}}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message(), "no dataset 'trian.jsonl' in training/; did you mean train.jsonl?");
}

TEST_F(PendingTest, UnknownDatasetOfAnEmptyFolderSaysSo) {
  EXPECT_THAT(std::string(branch_.TryMake({false, {"a"}}).status().message()),
              HasSubstr("it is empty"));
}

TEST_F(PendingTest, DatasetThatCannotBeTokenisedIsAnErrorAndTheOthersAreTrained) {
  branch_.Add("a.jsonl", {{"1"}});
  branch_.Add("b.jsonl", {{"2"}});
  branch_.broken_tokens[0] = absl::OutOfRangeError("a.jsonl:7: too long");
  EXPECT_THAT(Stages(), ElementsAre("b.jsonl 1"));
  EXPECT_EQ(WhySkipped("a.jsonl"), "error: a.jsonl:7: too long");
}

TEST_F(PendingTest, DatasetThatCannotBeTokenisedStopsWhereThatIsAskedFor) {
  branch_.config().on_dataset_error = OnDatasetError::kStop;
  branch_.Add("a.jsonl", {{"1"}});
  branch_.Add("b.jsonl", {{"2"}});
  branch_.broken_tokens[0] = absl::OutOfRangeError("a.jsonl:7: too long");
  EXPECT_EQ(branch_.TryMake().status(), branch_.broken_tokens[0]);
  EXPECT_THAT(Stages({false, {"b"}}), ElementsAre("b.jsonl 1"));
  branch_.MarkTrained(0);
  EXPECT_THAT(Stages(), ElementsAre("b.jsonl 1"));
}

TEST_F(PendingTest, OnlyWhatIsPendingNeedsTokens) {
  branch_.Add("trained.jsonl", {{"1"}});
  branch_.MarkTrained(0);
  branch_.Add("new.jsonl", {{"2"}});
  branch_.Add("excluded.jsonl", {{"3"}});
  branch_.dataset(2).excluded = true;
  branch_.Add("twin_of_new.jsonl", {{"2"}});
  const auto needed = [&](const PlanRequest& request) {
    return NeedsTokens(branch_.config(), branch_.catalog(), branch_.lineage, request);
  };
  // A twin is trained when what it repeats can't be; its tokens are the same file.
  EXPECT_THAT(needed({}), ElementsAre(false, true, false, true));
  EXPECT_THAT(needed({true, {}}), ElementsAre(true, true, false, true));
  EXPECT_THAT(needed({false, {"trained"}}), ElementsAre(false, false, false, false));
}

TEST_F(PendingTest, TooLongExamplesAreDroppedAndCounted) {
  branch_.config().max_length = 16;
  branch_.config().excess_length_strategy = ExcessLength::kDrop;
  branch_.Add("a.jsonl", {{"1", 17}, {"2", 16}});
  branch_.Add("b.jsonl", {{"3", 17}});
  EXPECT_THAT(Stages(), ElementsAre("a.jsonl 1"));
  EXPECT_EQ(plan_.stages[0].refused_too_long, 1u);
  EXPECT_THAT(WhySkipped("b.jsonl"), HasSubstr("error: no example can be trained"));
}

TEST_F(PendingTest, TruncatedExamplesAreTrainedAndCounted) {
  branch_.config().max_length = 16;
  branch_.Add("a.jsonl", {{"1", 17}, {"2", 16}, {"3", 40, 30}});
  EXPECT_THAT(Stages(), ElementsAre("a.jsonl 3"));
  EXPECT_EQ(plan_.stages[0].truncated, 2u);
  branch_.config().excess_length_strategy = ExcessLength::kDrop;
  EXPECT_THAT(Stages(), ElementsAre("a.jsonl 1"));
  EXPECT_EQ(plan_.stages[0].truncated, 0u);
}

TEST_F(PendingTest, TruncatedExamplesWithNothingSupervisedAreCounted) {
  branch_.config().max_length = 16;
  branch_.Add("a.jsonl", {{"1", 20, 4}, {"2", 20, 5}});
  EXPECT_THAT(Stages(), ElementsAre("a.jsonl 1"));
  EXPECT_EQ(plan_.stages[0].refused_unsupervised, 1u);
  EXPECT_EQ(plan_.stages[0].truncated, 1u);
  EXPECT_EQ(plan_.stages[0].supervised_tokens, 1u);
  EXPECT_THAT(plan_.stages[0].example_tokens, ElementsAre(16u));
}

TEST_F(PendingTest, DuplicatesAreTrainedAndCounted) {
  branch_.Add("a.jsonl", {{"1"}, {"1"}, {"2"}});
  branch_.lineage.examples["other.jsonl"] = {branch_.dataset(0).examples[2].content};
  EXPECT_THAT(Stages(), ElementsAre("a.jsonl 3"));
  EXPECT_EQ(plan_.stages[0].duplicates_within, 1u);
  EXPECT_EQ(plan_.stages[0].known_elsewhere, 1u);
}

TEST_F(PendingTest, PromptTwinsShareTheHeldOutShare) {
  branch_.config().val_set_size = 0.3;
  std::vector<PlannedExample> examples;
  for (int i = 0; i < 1000; ++i) {
    examples.push_back({"q" + std::to_string(i), 10, 5, "one"});
    examples.push_back({"q" + std::to_string(i), 10, 5, "two"});
  }
  branch_.Add("a.jsonl", examples);
  Stages();
  const std::vector<uint32_t>& trained = plan_.stages[0].examples;
  const std::set<uint32_t> all(trained.begin(), trained.end());
  for (uint32_t i = 0; i < 2000; i += 2) EXPECT_EQ(all.count(i), all.count(i + 1)) << i;
  EXPECT_EQ(plan_.stages[0].held_out + trained.size(), 2000u);
  EXPECT_NEAR(static_cast<double>(plan_.stages[0].held_out), 600, 100);
}

TEST_F(PendingTest, APromptThatWasTrainedIsNotHeldOutWithAnotherAnswer) {
  std::vector<PlannedExample> answered_anew;
  for (int i = 0; i < 50; ++i) answered_anew.push_back({"q" + std::to_string(i), 10, 5, "Otra."});
  branch_.Add("old.jsonl", ManyExamples(50));
  branch_.Add("anew.jsonl", answered_anew);
  branch_.MarkTrained(0);
  branch_.config().val_set_size = 0.9;
  EXPECT_THAT(Stages(), ElementsAre("anew.jsonl 50"));
  EXPECT_EQ(plan_.stages[0].held_out, 0u);
}

TEST_F(PendingTest, HeldOutExamplesAreEvaluatedWhereTheyFit) {
  branch_.config().val_set_size = 0.5;
  branch_.config().max_length = 40;
  branch_.config().excess_length_strategy = ExcessLength::kDrop;
  branch_.Add("a.jsonl", ManyExamples(400));
  Stages();
  const StagePlan& stage = plan_.stages.at(0);
  EXPECT_LT(stage.held_out_examples.size(), stage.held_out) << "some are too long";
  EXPECT_TRUE(std::is_sorted(stage.held_out_examples.begin(), stage.held_out_examples.end()));
  EXPECT_EQ(stage.held_out_tokens.size(), stage.held_out_examples.size());
  EXPECT_LE(*std::max_element(stage.held_out_tokens.begin(), stage.held_out_tokens.end()), 40u);
  for (const uint32_t example : stage.held_out_examples)
    EXPECT_FALSE(std::binary_search(stage.examples.begin(), stage.examples.end(), example));
  EXPECT_GT(stage.held_out_steps, 0u);
}

TEST_F(PendingTest, TrainedExamplesAreNeverHeldOut) {
  branch_.Add("a.jsonl", ManyExamples(200));
  branch_.MarkTrained(0);
  branch_.config().val_set_size = 0.9;
  EXPECT_THAT(Stages({true, {}}), ElementsAre("a.jsonl 200"));
  branch_.lineage.examples["old.jsonl"] = std::move(branch_.lineage.examples["a.jsonl"]);
  branch_.lineage.examples.erase("a.jsonl");
  EXPECT_THAT(Stages({true, {}}), ElementsAre("a.jsonl 200"));
}

}  // namespace
}  // namespace strata
