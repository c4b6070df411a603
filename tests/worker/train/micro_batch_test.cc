// Goal: rows become packed tokens, and rows that lie are refused by name. Method: small rows by
// hand.
#include "worker/train/micro_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace strata {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TrainingRow Row(uint32_t index) { return {index, {10, 11, 12, 13, 14}, {2, 3}, {{1, 2}, {3, 5}}}; }

std::string Refusal(const TrainingRow& row) {
  try {
    MicroBatches({row}, 1);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(MicroBatchTest, PutsRowsEndToEndInTheOrderOfTheirIndex) {
  const auto batches = MicroBatches({Row(4), Row(1), Row(2)}, 2);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].places[0].row, 1u);
  EXPECT_EQ(batches[0].places[5].row, 2u);
  EXPECT_EQ(batches[0].places[6].position, 1u);
  EXPECT_EQ(batches[1].places[0].row, 4u);
  EXPECT_THAT(batches[0].example_lengths, ElementsAre(2, 3, 2, 3));
}

TEST(MicroBatchTest, PredictsEachSupervisedTokenFromTheOneBefore) {
  const PackedTokens tokens = MicroBatches({Row(0)}, 1)[0];
  EXPECT_THAT(tokens.predictors, ElementsAre(0, 2, 3));
  EXPECT_THAT(tokens.targets, ElementsAre(11, 13, 14));
}

TEST(MicroBatchTest, IsEmptyWithoutRows) { EXPECT_TRUE(MicroBatches({}, 4).empty()); }

TEST(MicroBatchTest, RefusesRowsThatLie) {
  TrainingRow row = Row(3);
  row.supervised = {{2, 3}};
  EXPECT_THAT(Refusal(row), HasSubstr("row 3"));
  row.supervised = {{4, 6}};
  EXPECT_THAT(Refusal(row), HasSubstr("[4, 6) of 5"));
  row = Row(3);
  row.example_lengths = {2, 4};
  EXPECT_THAT(Refusal(row), HasSubstr("do not add up"));
  row.example_lengths = {2};
  EXPECT_THAT(Refusal(row), HasSubstr("its examples 2"));
}

}  // namespace
}  // namespace strata
