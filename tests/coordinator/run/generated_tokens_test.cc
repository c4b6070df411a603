// Goal: a reported token is taken once, in its place, whatever is repeated, late or wrong. Method:
// reports as a worker sends them, and as it must not.
#include "coordinator/run/generated_tokens.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr v1::GenerationEnd kStop = v1::GENERATION_END_STOP_TOKEN,
                            kLength = v1::GENERATION_END_LENGTH;

class GeneratedTokensTest : public testing::Test {
 protected:
  absl::Status Take(uint32_t prompt, uint32_t position, const std::vector<uint32_t>& ids,
                    v1::GenerationEnd end = v1::GENERATION_END_UNSPECIFIED) {
    v1::ReportGenerationRequest report;
    v1::GeneratedTokens* tokens = report.add_tokens();
    tokens->set_prompt(prompt);
    tokens->set_position(position);
    tokens->mutable_ids()->Add(ids.begin(), ids.end());
    tokens->set_end(end);
    tokens->set_seconds(1.5);
    return tokens_.Take(report);
  }
  void ExpectRefused(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(tokens_.NewPieces(), IsEmpty());
  }

  GeneratedTokens tokens_{2};
};

TEST_F(GeneratedTokensTest, PiecesHoldWhatCameSinceTheLast) {
  EXPECT_TRUE(Take(1, 0, {7, 8}).ok());
  EXPECT_TRUE(Take(1, 2, {9}).ok());
  std::vector<TokenPiece> pieces = tokens_.NewPieces();
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_EQ(pieces[0].prompt, 1u);
  EXPECT_THAT(pieces[0].ids, ElementsAre(7, 8, 9));
  EXPECT_FALSE(pieces[0].ended);
  EXPECT_THAT(tokens_.NewPieces(), IsEmpty());
  EXPECT_TRUE(Take(1, 3, {4}, kStop).ok());
  pieces = tokens_.NewPieces();
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_THAT(pieces[0].ids, ElementsAre(4));
  EXPECT_TRUE(pieces[0].ended && pieces[0].by_stop_token);
  EXPECT_EQ(pieces[0].seconds, 1.5);
}

TEST_F(GeneratedTokensTest, IsCompleteOnceEachPromptHasItsEnd) {
  EXPECT_TRUE(Take(0, 0, {7}, kLength).ok());
  EXPECT_TRUE(Take(0, 0, {7}, kLength).ok());
  EXPECT_FALSE(tokens_.complete());
  EXPECT_TRUE(Take(1, 0, {}, kStop).ok());
  EXPECT_TRUE(tokens_.complete());
  const std::vector<TokenPiece> pieces = tokens_.NewPieces();
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_TRUE(pieces[0].ended && !pieces[0].by_stop_token);
  EXPECT_TRUE(pieces[1].ended && pieces[1].ids.empty());
}

TEST_F(GeneratedTokensTest, WhatIsKnownIsIgnored) {
  EXPECT_TRUE(Take(0, 0, {7, 8}).ok());
  EXPECT_TRUE(Take(0, 0, {7, 8}).ok());
  EXPECT_TRUE(Take(0, 1, {8, 9}).ok());
  EXPECT_THAT(tokens_.NewPieces().at(0).ids, ElementsAre(7, 8, 9));
  EXPECT_TRUE(Take(0, 0, {7}).ok());
  EXPECT_THAT(tokens_.NewPieces(), IsEmpty());
}

TEST_F(GeneratedTokensTest, AHoleIsRefused) {
  ExpectRefused(Take(0, 1, {7}));
  ExpectRefused(Take(0, UINT32_MAX, {7}));
  EXPECT_TRUE(Take(0, 0, {7}).ok());
}

TEST_F(GeneratedTokensTest, NothingFollowsAnEnd) {
  EXPECT_TRUE(Take(0, 0, {7}, kStop).ok());
  EXPECT_EQ(tokens_.NewPieces().size(), 1u);
  ExpectRefused(Take(0, 1, {8}));
  ExpectRefused(Take(0, 0, {7, 8}, kLength));
}

TEST_F(GeneratedTokensTest, AnEndBeforeWhatIsKnownIsRefused) {
  EXPECT_TRUE(Take(0, 0, {7, 8}).ok());
  EXPECT_EQ(tokens_.NewPieces().size(), 1u);
  ExpectRefused(Take(0, 0, {7}, kStop));
}

TEST_F(GeneratedTokensTest, APromptOrAnEndThatThereIsNotIsRefused) {
  ExpectRefused(Take(2, 0, {7}));
  ExpectRefused(Take(0, 0, {7}, static_cast<v1::GenerationEnd>(9)));
}

}  // namespace
}  // namespace strata
