// Goal: what training.proto promises of each call, and who may make it. Method: the real server and
// gRPC clients on loopback; behind it the real core in memory.
#include <thread>

#include "tests/coordinator/service/served_run.h"

namespace strata {
namespace {

using grpc::StatusCode;
using testing::ElementsAre;

class TrainingServerTest : public ServedRun {
 protected:
  void ExpectEveryRpcAnswers(StatusCode code, CallingRank&& rank, const std::string& case_name) {
    for (const auto& [rpc, call] : EveryRpc()) {
      const grpc::Status status = call(rank);
      EXPECT_EQ(status.error_code(), code) << rpc << ", " << case_name << status.error_message();
    }
  }
};

TEST_F(TrainingServerTest, TheTestsKnowEveryRpc) {
  std::vector<std::string> known, served;
  for (const auto& [rpc, call] : EveryRpc()) known.push_back(rpc);
  const auto* service = v1::JoinRequest::descriptor()->file()->service(0);
  for (int i = 0; i < service->method_count(); ++i) served.push_back(service->method(i)->name());
  EXPECT_EQ(known, served);
}

TEST_F(TrainingServerTest, WithoutTheTokenEveryRpcIsUnauthenticatedAndReachesNothing) {
  JoinAll();
  const int submitted = run_.submitted();
  const HeldRun::Seen before = run_.seen();
  std::string upper = kToken;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  const std::string bearer = "Bearer ";
  const std::vector<std::optional<std::string>> wrong = {std::nullopt,
                                                         "",
                                                         kToken,
                                                         "Bearer",
                                                         bearer,
                                                         "bearer " + std::string(kToken),
                                                         bearer + upper,
                                                         bearer + std::string(kToken).substr(1),
                                                         bearer + kToken + "0",
                                                         bearer + std::string(32, '0')};
  for (const auto& authorization : wrong) {
    CallingRank rank = NewRank(0, "first");
    rank.authorization = authorization;
    ExpectEveryRpcAnswers(StatusCode::UNAUTHENTICATED, std::move(rank),
                          authorization.value_or("none"));
  }
  EXPECT_EQ(run_.submitted(), submitted);
  EXPECT_EQ(run_.seen(), before);
}

TEST_F(TrainingServerTest, AnotherAttemptOrIncarnationIsAbortedAndChangesNothing) {
  JoinAll();
  const HeldRun::Seen before = run_.seen();
  for (const uint32_t attempt : {0u, 2u}) {
    CallingRank rank = NewRank(0, "first");
    rank.caller.set_attempt(attempt);
    ExpectEveryRpcAnswers(StatusCode::ABORTED, std::move(rank),
                          "attempt " + std::to_string(attempt));
  }
  for (const std::string incarnation : {"", "second"})
    ExpectEveryRpcAnswers(StatusCode::ABORTED, NewRank(0, incarnation), "'" + incarnation + "'");
  EXPECT_EQ(run_.seen(), before);
}

TEST_F(TrainingServerTest, BeforeItJoinedARankIsAborted) {
  for (const auto& [rpc, call] : EveryRpc()) {
    CallingRank rank = NewRank(1, "first");
    if (rpc == "Join") continue;
    EXPECT_EQ(call(rank).error_code(), StatusCode::ABORTED) << rpc;
  }
  EXPECT_EQ(run_.seen().phase, Phase::kJoining);
}

TEST_F(TrainingServerTest, ARankThatTheRunDoesNotHaveIsInvalid) {
  JoinAll();
  const HeldRun::Seen before = run_.seen();
  for (const int rank : {-1, 2, INT32_MIN, INT32_MAX}) {
    for (const auto& [rpc, call] : EveryRpc()) {
      CallingRank stranger = NewRank(rank, "first");
      if (rpc == "Join") continue;
      EXPECT_EQ(call(stranger).error_code(), StatusCode::INVALID_ARGUMENT) << rpc;
    }
  }
  EXPECT_EQ(run_.seen(), before);
}

TEST_F(TrainingServerTest, JoinRepeatedGivesTheSameTask) {
  v1::JoinReply first, again;
  CallingRank rank = NewRank(0, "first");
  EXPECT_TRUE(rank.Join(2, 1, &first).ok());
  EXPECT_TRUE(rank.Join(2, 1, &again).ok());
  EXPECT_EQ(first.SerializeAsString(), run_.Task().SerializeAsString());
  EXPECT_EQ(again.SerializeAsString(), first.SerializeAsString());
  EXPECT_THAT(run_.seen().incarnations, ElementsAre("first", ""));
}

// Who starts workers by hand has the token, and knows neither.
TEST_F(TrainingServerTest, AJoinWithoutRunAndAttemptIsToldBoth) {
  v1::JoinReply reply;
  CallingRank rank = NewRank(0, "first");
  rank.caller.clear_run_id();
  rank.caller.set_attempt(0);
  EXPECT_TRUE(rank.Join(2, 1, &reply).ok());
  EXPECT_EQ(rank.Heartbeat().error_code(), StatusCode::ABORTED);
  rank.caller.set_run_id(reply.run_id());
  rank.caller.set_attempt(reply.attempt());
  EXPECT_TRUE(rank.Heartbeat().ok());
}

TEST_F(TrainingServerTest, JoinOfAnotherWorldOrProtocolIsAFailedPrecondition) {
  CallingRank rank = NewRank(0, "first");
  EXPECT_EQ(rank.Join(2, 0).error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(rank.Join(2, 2).error_code(), StatusCode::FAILED_PRECONDITION);
  for (const int world : {-1, 0, 1, 3})
    EXPECT_EQ(rank.Join(world).error_code(), StatusCode::FAILED_PRECONDITION) << world;
  EXPECT_EQ(NewRank(2, "first").Join().error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(run_.seen().incarnations, ElementsAre("", ""));
}

TEST_F(TrainingServerTest, FetchAdapterSendsItWholeInChunksOfAMebibyte) {
  CallingRank rank = JoinAll();
  std::vector<v1::Chunk> chunks;
  const grpc::Status status = rank.FetchAdapter(&chunks);
  ASSERT_TRUE(status.ok()) << status.error_message();
  std::string bytes;
  for (const v1::Chunk& chunk : chunks) {
    EXPECT_EQ(chunk.offset(), bytes.size());
    EXPECT_LE(chunk.data().size(), size_t{1} << 20);
    bytes += chunk.data();
  }
  EXPECT_GT(bytes.size(), size_t{4} << 20);
  EXPECT_TRUE(bytes == BytesOf(run_.Adapter()));
}

TEST_F(TrainingServerTest, FetchShardSendsTheWindowOfTheRankThatCalls) {
  JoinAll();
  CallingRank rank = NewRank(1, "first");
  std::vector<v1::StepShard> steps;
  ASSERT_TRUE(rank.FetchShard({Rank(0), 1, 0, 1, 3}, &steps).ok());
  ASSERT_EQ(steps.size(), 3u);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(steps[i].step(), 1 + i);
    EXPECT_EQ(steps[i].rows(0).index(), 1u);
  }
}

TEST_F(TrainingServerTest, FetchShardOutsideThePlanIsInvalid) {
  CallingRank rank = JoinAll();
  for (const ShardWindow& window :
       {ShardWindow{Rank(0), 2, 0, 0, 1}, ShardWindow{Rank(0), 0, 1, 0, 1},
        ShardWindow{Rank(0), 0, 0, 2, 3}}) {
    std::vector<v1::StepShard> steps;
    EXPECT_EQ(rank.FetchShard(window, &steps).error_code(), StatusCode::INVALID_ARGUMENT);
    EXPECT_TRUE(steps.empty());
  }
}

TEST_F(TrainingServerTest, HeartbeatTellsAStopAndNothingElseDoes) {
  CallingRank rank = JoinAll();
  v1::HeartbeatReply reply;
  EXPECT_TRUE(rank.Heartbeat({0, 0, 2}, &reply).ok());
  EXPECT_EQ(reply.directive(), v1::DIRECTIVE_CONTINUE);
  EXPECT_EQ(run_.seen().positions[0], (Position{0, 0, 2}));
  run_.Submit(StopAsked{});
  EXPECT_TRUE(rank.Heartbeat({0, 0, 3}, &reply).ok());
  EXPECT_EQ(reply.directive(), v1::DIRECTIVE_STOP);
  EXPECT_TRUE(rank.ReportSteps({0}).ok());
  std::vector<v1::Chunk> chunks;
  EXPECT_TRUE(rank.FetchAdapter(&chunks).ok());
}

TEST_F(TrainingServerTest, ReportStepsRecordsEachStepOnce) {
  CallingRank rank = JoinAll();
  EXPECT_TRUE(rank.ReportSteps({0, 1}).ok());
  EXPECT_TRUE(rank.ReportSteps({0, 1}).ok());
  EXPECT_TRUE(rank.ReportSteps({1, 2, 2}).ok());
  EXPECT_TRUE(rank.ReportSteps({}).ok());
  EXPECT_THAT(run_.seen().steps,
              ElementsAre(Position{0, 0, 0}, Position{0, 0, 1}, Position{0, 0, 2}));
}

TEST_F(TrainingServerTest, ReportStepsRecordsEachEvaluationOnce) {
  JoinAll();
  CallingRank rank = NewRank(0, "first");
  EXPECT_TRUE(rank.ReportEvaluations({1, 3}).ok());
  EXPECT_TRUE(rank.ReportEvaluations({1, 3}).ok());
  EXPECT_EQ(rank.ReportEvaluations({4}).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(NewRank(1, "first").ReportEvaluations({3}).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(run_.seen().held_out, ElementsAre(Position{0, 0, 1}, Position{0, 0, 3}));
}

TEST_F(TrainingServerTest, ReportStepsOfTwoCallsAtOnceRecordsEachStepOnce) {
  JoinAll();
  std::vector<std::thread> calls;
  for (int i = 0; i < 8; ++i)
    calls.emplace_back([this] { NewRank(0, "first").ReportSteps({0, 1, 2, 3}); });
  for (std::thread& call : calls) call.join();
  EXPECT_THAT(run_.seen().steps,
              testing::UnorderedElementsAre(Position{0, 0, 0}, Position{0, 0, 1}, Position{0, 0, 2},
                                            Position{0, 0, 3}));
}

TEST_F(TrainingServerTest, ReportStepsOutsideThePlanOrFromAnotherRankIsInvalid) {
  CallingRank rank = JoinAll();
  EXPECT_EQ(rank.ReportSteps({3, 4}).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(NewRank(1, "first").ReportSteps({0}).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(run_.seen().steps, ElementsAre(Position{0, 0, 3}));
}

TEST_F(TrainingServerTest, FinishStageWithoutADigestAnOutcomeOrAStageIsInvalid) {
  CallingRank rank = JoinAll();
  const std::string digest = Sha256Of("a").Hex();
  EXPECT_EQ(rank.FinishStage(0, "").error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(rank.FinishStage(0, digest.substr(1)).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(rank.FinishStage(2, digest).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(rank.FinishStage(0, digest, v1::STAGE_OUTCOME_UNSPECIFIED).error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(run_.seen().stages_finished, ElementsAre(0, 0));
  EXPECT_TRUE(rank.FinishStage(0, digest).ok());
  EXPECT_TRUE(rank.FinishStage(0, digest).ok());
  EXPECT_THAT(run_.seen().stages_finished, ElementsAre(1, 0));
}

TEST_F(TrainingServerTest, AnEvaluationOfAnotherRankIsNotTaken) {
  JoinAll();
  EXPECT_EQ(NewRank(1, "first").ReportEvaluation(1.5, 2).error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(run_.seen().evaluations.empty());
}

TEST_F(TrainingServerTest, FailEndsTheRunWithTheReasonAndLaterCallsAreAborted) {
  CallingRank rank = JoinAll();
  EXPECT_TRUE(rank.Fail("no memory on the device").ok());
  EXPECT_THAT(run_.seen().verdict, testing::HasSubstr("no memory on the device"));
  EXPECT_EQ(rank.Heartbeat().error_code(), StatusCode::ABORTED);
  EXPECT_EQ(rank.Join().error_code(), StatusCode::ABORTED);
}

}  // namespace
}  // namespace strata
