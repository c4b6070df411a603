// Goal: near copies of a dataset are seen: how many lines repeat within it, how many an earlier
// dataset already has.
#include "coordinator/catalog/catalog.h"
#include "gmock/gmock.h"
#include "tests/coordinator/catalog/training_folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::Pair;

class DuplicatesTest : public testing::Test {
 protected:
  // (within, across) of each dataset in the order of training.
  std::vector<std::pair<uint64_t, uint64_t>> Counts() {
    const auto catalog = ReadCatalog(folder_.config());
    EXPECT_TRUE(catalog.ok()) << catalog.status();
    std::vector<std::pair<uint64_t, uint64_t>> counts;
    for (const Dataset& dataset : catalog->datasets) {
      counts.emplace_back(dataset.duplicates_within, dataset.duplicates_across);
    }
    return counts;
  }

  TrainingFolder folder_;
};

TEST_F(DuplicatesTest, RepeatsWithinAFileAreCountedFromTheSecondOn) {
  folder_.Write("a.jsonl",
                GoodLine("x") + GoodLine("y") + GoodLine("x") + GoodLine(" x ") + GoodLine("z"));
  EXPECT_THAT(Counts(), ElementsAre(Pair(2, 0)));
}

TEST_F(DuplicatesTest, RepeatsAcrossFilesAreCountedInTheLaterOneInTrainingOrder) {
  folder_.Write("a.jsonl", GoodLine("x") + GoodLine("y"));
  folder_.Write("z_premium.jsonl", GoodLine("x") + GoodLine("w"));
  EXPECT_THAT(Counts(), ElementsAre(Pair(0, 0), Pair(0, 1)));
}

TEST_F(DuplicatesTest, ALineMayRepeatBothWays) {
  folder_.Write("a.jsonl", GoodLine("x"));
  folder_.Write("b.jsonl", GoodLine("x") + GoodLine("x"));
  folder_.Write("c.jsonl", GoodLine("y") + GoodLine("x"));
  EXPECT_THAT(Counts(), ElementsAre(Pair(0, 0), Pair(1, 2), Pair(0, 1)));
}

TEST_F(DuplicatesTest, WhatAnExcludedFileHasIsNotTrainedElsewhereYet) {
  folder_.config().datasets = {{"a.jsonl", {}, {}, {}, true}};
  folder_.Write("a.jsonl", GoodLine("x") + GoodLine("x"));
  folder_.Write("b.jsonl", GoodLine("x"));
  EXPECT_THAT(Counts(), ElementsAre(Pair(1, 0), Pair(0, 0)));
}

TEST_F(DuplicatesTest, BadLinesAreNobodysDuplicates) {
  folder_.Write("a.jsonl", "roto\nroto\n");
  EXPECT_THAT(Counts(), ElementsAre(Pair(0, 0)));
}

TEST_F(DuplicatesTest, ManyFilesReadAtOnceCountTheSame) {
  for (int i = 0; i < 40; ++i) {
    std::string text;
    for (int j = 0; j < 50; ++j) text += GoodLine(std::to_string(i * 25 + j));
    folder_.Write("f" + std::to_string(100 + i) + ".jsonl", text);
  }
  const auto counts = Counts();
  ASSERT_EQ(counts.size(), 40);
  EXPECT_THAT(counts[0], Pair(0, 0));
  for (size_t i = 1; i < counts.size(); ++i) EXPECT_THAT(counts[i], Pair(0, 25)) << i;
}

}  // namespace
}  // namespace strata
