// Goal: a rebuild replaces what serves only when it lacks nothing in error, and what it cannot know
// is named. Method: plans, results and lineages made by hand.
#include "coordinator/run/rebuild.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

StageResult Stage(const std::string& dataset, const std::string& error) {
  StageResult stage;
  stage.dataset = dataset;
  stage.error = error;
  return stage;
}

Dataset FileOf(const std::string& name, const std::string& content) {
  Dataset dataset;
  dataset.name = name;
  dataset.sha256 = Sha256Of(content);
  return dataset;
}

TrainedDataset TrainedOn(const std::string& name, const std::string& content) {
  TrainedDataset trained;
  trained.name = name;
  trained.sha256 = Sha256Of(content);
  return trained;
}

TEST(RebuildTest, IsRefusedWithTheNamesOfAllThatIsInError) {
  Plan plan;
  plan.rebuild = true;
  plan.skipped = {{"empty.jsonl", "", "empty", false}, {"bad.jsonl", "", "no good line", true}};
  const absl::Status refused =
      CheckRebuildIsWhole(plan, {Stage("fine.jsonl", ""), Stage("nan.jsonl", "NaN")});
  EXPECT_TRUE(absl::IsDataLoss(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("current: nan.jsonl, bad.jsonl; mend or "));
  EXPECT_TRUE(absl::IsDataLoss(CheckRebuildIsWhole(plan, {})));
}

TEST(RebuildTest, IsWholeWithoutErrorsAndATrainingMayLackSome) {
  Plan plan;
  plan.rebuild = true;
  plan.skipped = {{"empty.jsonl", "", "empty", false}};
  EXPECT_TRUE(CheckRebuildIsWhole(plan, {Stage("fine.jsonl", "")}).ok());
  plan.rebuild = false;
  EXPECT_TRUE(CheckRebuildIsWhole(plan, {Stage("nan.jsonl", "NaN")}).ok());
}

TEST(RebuildTest, ForgetsWhatIsGoneAndNeitherRenamedNorChangedNorExcluded) {
  Catalog catalog;
  catalog.datasets = {FileOf("here.jsonl", "1"), FileOf("renamed.jsonl", "2"),
                      FileOf("changed.jsonl", "3, changed")};
  Lineage lineage;
  lineage.trained = {TrainedOn("gone.jsonl", "4"),     TrainedOn("here.jsonl", "1"),
                     TrainedOn("old_name.jsonl", "2"), TrainedOn("changed.jsonl", "3"),
                     TrainedOn("excluded.jsonl", "5"), TrainedOn("gone.jsonl", "6"),
                     TrainedOn("also_gone.jsonl", "7")};
  lineage.excluded = {"excluded.jsonl"};
  const std::vector<std::string> forgotten = ForgottenByRebuild(catalog, lineage);
  EXPECT_THAT(forgotten, ElementsAre("gone.jsonl", "also_gone.jsonl"));
  EXPECT_THAT(ForgottenText(forgotten), HasSubstr("gone.jsonl, also_gone.jsonl"));
  EXPECT_THAT(ForgottenText({}), IsEmpty());
}

}  // namespace
}  // namespace strata
