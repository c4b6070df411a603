// Goal: a branch trains no token beyond max_length and no example that teaches nothing. Method:
// small token files under each excess_length_strategy.
#include "coordinator/tokens/dataset_tokens.h"

#include "gmock/gmock.h"
#include "tests/common/folder.h"
#include "tests/coordinator/tokens/tokenized.h"

namespace strata {

bool operator==(const TokenCount& a, const TokenCount& b) {
  return a.tokens == b.tokens && a.supervised == b.supervised && a.refusal == b.refusal &&
         a.truncated == b.truncated;
}
void PrintTo(const TokenCount& count, std::ostream* out) {
  *out << count.tokens << " tokens, " << count.supervised << " supervised, refusal "
       << static_cast<int>(count.refusal) << (count.truncated ? ", cut" : "");
}

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// `tokens` ids that count from 100.
TokenizedExample Counting(uint32_t tokens, std::vector<Span> supervised) {
  TokenizedExample example{{}, std::move(supervised)};
  for (uint32_t i = 0; i < tokens; ++i) example.ids.push_back(100 + i);
  return example;
}

class DatasetTokensTest : public testing::Test {
 protected:
  std::filesystem::path path() const { return folder_.path() / "a.tokens"; }
  DatasetTokens Open(const std::vector<TokenizedExample>& examples, ExcessLength strategy,
                     uint32_t max_length = 8) const {
    WriteTokens(path(), examples);
    return DatasetTokens::Open(path(), max_length, strategy).value();
  }

  Folder folder_;
};

TEST_F(DatasetTokensTest, WhatFitsIsTheSameUnderEachStrategy) {
  const TokenizedExample full = Counting(8, {{3, 8}}), small = Counting(2, {{1, 2}});
  for (const auto strategy : {ExcessLength::kDrop, ExcessLength::kTruncate, ExcessLength::kRaise}) {
    const DatasetTokens tokens = Open({full, small}, strategy);
    EXPECT_THAT(tokens.counts(),
                ElementsAre(TokenCount{8, 5, Refusal::kNone}, TokenCount{2, 1, Refusal::kNone}));
    EXPECT_EQ(tokens.Read(0).value(), full);
    EXPECT_EQ(tokens.Read(1).value(), small);
  }
}

TEST_F(DatasetTokensTest, TruncateCutsIdsAndSpansAtMaxLength) {
  const DatasetTokens tokens =
      Open({Counting(9, {{3, 9}}), Counting(20, {{1, 3}, {6, 10}, {12, 20}}),
            Counting(20, {{2, 8}, {8, 20}})},
           ExcessLength::kTruncate);
  EXPECT_THAT(tokens.counts(), ElementsAre(TokenCount{8, 5, Refusal::kNone, true},
                                           TokenCount{8, 4, Refusal::kNone, true},
                                           TokenCount{8, 6, Refusal::kNone, true}));
  EXPECT_EQ(tokens.Read(0).value(), Counting(8, {{3, 8}}));
  EXPECT_EQ(tokens.Read(1).value(), Counting(8, {{1, 3}, {6, 8}}));
  EXPECT_EQ(tokens.Read(2).value(), Counting(8, {{2, 8}}));
}

TEST_F(DatasetTokensTest, APromptThatFillsMaxLengthIsRefusedWhenItIsTruncated) {
  const DatasetTokens tokens =
      Open({Counting(12, {{8, 12}}), Counting(12, {{7, 12}})}, ExcessLength::kTruncate);
  EXPECT_THAT(tokens.counts(), ElementsAre(TokenCount{8, 0, Refusal::kNothingSupervised, true},
                                           TokenCount{8, 1, Refusal::kNone, true}));
  EXPECT_THAT(tokens.Read(0)->supervised, IsEmpty());
}

TEST_F(DatasetTokensTest, DropRefusesAndKeepsTheOthersInTheirPlaces) {
  const TokenizedExample after = Counting(3, {{1, 3}});
  for (const auto strategy : {ExcessLength::kDrop, ExcessLength::kRaise}) {
    const DatasetTokens tokens = Open({Counting(9, {{3, 9}}), after}, strategy);
    EXPECT_THAT(tokens.counts(),
                ElementsAre(TokenCount{9, 6, Refusal::kTooLong}, TokenCount{3, 2, Refusal::kNone}));
    EXPECT_EQ(tokens.Read(1).value(), after);
  }
}

TEST_F(DatasetTokensTest, WhatTeachesNothingIsRefusedUnderEachStrategy) {
  for (const auto strategy : {ExcessLength::kDrop, ExcessLength::kTruncate, ExcessLength::kRaise}) {
    EXPECT_THAT(Open({Counting(4, {}), Counting(1, {})}, strategy).counts(),
                ElementsAre(TokenCount{4, 0, Refusal::kNothingSupervised},
                            TokenCount{1, 0, Refusal::kNothingSupervised}));
  }
}

TEST_F(DatasetTokensTest, OneFileServesAnyMaxLength) {
  const TokenizedExample example = Counting(12, {{4, 12}});
  EXPECT_EQ(Open({example}, ExcessLength::kTruncate, 8).Read(0)->ids.size(), 8u);
  EXPECT_EQ(DatasetTokens::Open(path(), 12, ExcessLength::kTruncate)->Read(0).value(), example);
}

TEST_F(DatasetTokensTest, AFileThatIsNotWholeIsRefused) {
  WriteTokens(path(), {Counting(12, {{4, 12}})});
  std::string bytes = folder_.Read("a.tokens");
  bytes[10] = static_cast<char>(bytes[10] ^ 1);  // an id
  folder_.Write("a.tokens", bytes);
  EXPECT_TRUE(absl::IsDataLoss(DatasetTokens::Open(path(), 8, ExcessLength::kTruncate).status()));
  const auto dropped = DatasetTokens::Open(path(), 12, ExcessLength::kDrop);
  ASSERT_TRUE(dropped.ok());
  EXPECT_TRUE(absl::IsDataLoss(dropped->Read(0).status()));
  EXPECT_TRUE(absl::IsNotFound(
      DatasetTokens::Open(folder_.path() / "none", 8, ExcessLength::kDrop).status()));
}

}  // namespace
}  // namespace strata
