// Goal: what training.proto promises of ReportGeneration. Method: the real server and a client on
// loopback; behind it the real core of a generation with one prompt.
#include "tests/coordinator/service/served_run.h"

namespace strata {
namespace {

using grpc::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;

class ReportGenerationTest : public ServedRun {
 protected:
  ReportGenerationTest() : ServedRun(Purpose::kGenerate) {}
};

class NoGenerationTest : public ServedRun {};

TEST_F(ReportGenerationTest, TokensAreHandedOverUntilTheEndCompletesTheRun) {
  CallingRank rank = JoinAll();
  EXPECT_TRUE(rank.ReportGeneration(0, {7, 8}).ok());
  EXPECT_EQ(run_.seen().verdict, "");
  EXPECT_TRUE(rank.ReportGeneration(0, {9}, /*ends=*/true).ok());
  EXPECT_THAT(run_.seen().generated, ElementsAre(7, 8, 9));
  EXPECT_EQ(run_.seen().verdict, "generated");
  EXPECT_EQ(rank.ReportGeneration(0, {9}, true).error_code(), StatusCode::ABORTED);
}

TEST_F(ReportGenerationTest, AnotherRankIsNotListenedTo) {
  JoinAll();
  EXPECT_EQ(NewRank(1, "first").ReportGeneration(0, {7}, true).error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(run_.seen().generated, IsEmpty());
  EXPECT_EQ(run_.seen().verdict, "");
}

TEST_F(ReportGenerationTest, WhatTheHostRefusesIsInvalidAndEndsNothing) {
  CallingRank rank = JoinAll();
  EXPECT_EQ(rank.ReportGeneration(1, {7}, true).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(run_.seen().verdict, "");
}

TEST_F(ReportGenerationTest, ALossIsNoResultOfIt) {
  CallingRank rank = JoinAll();
  EXPECT_EQ(rank.ReportEvaluation(1.5, 2).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(run_.seen().verdict, "");
}

TEST_F(NoGenerationTest, ATrainingTakesNoTokens) {
  CallingRank rank = JoinAll();
  EXPECT_EQ(rank.ReportGeneration(0, {7}, true).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(run_.seen().generated, IsEmpty());
  EXPECT_EQ(run_.seen().verdict, "");
}

}  // namespace
}  // namespace strata
