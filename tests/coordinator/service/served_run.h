// Gives the service's tests a server with a run behind it, and every rpc by its name.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/service/training_server.h"
#include "gmock/gmock.h"
#include "tests/coordinator/service/calling_rank.h"
#include "tests/coordinator/service/held_run.h"

namespace strata {

class ServedRun : public testing::Test {
 protected:
  explicit ServedRun(Purpose purpose = Purpose::kTrain, const std::string& listen = "127.0.0.1")
      : run_(purpose) {
    auto started = TrainingServer::Start(&run_, {.token = kToken, .host = listen, .ranks = 2});
    EXPECT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }
  Server Here() const { return {server_->address(), server_->certificate()}; }
  CallingRank NewRank(int rank, const std::string& incarnation) {
    return {Here(), rank, incarnation};
  }
  // Rank 0 of two, both joined.
  CallingRank JoinAll() {
    for (const int rank : {0, 1}) {
      const grpc::Status joined = NewRank(rank, "first").Join();
      EXPECT_TRUE(joined.ok()) << joined.error_message();
    }
    return NewRank(0, "first");
  }
  void ExpectServing() {
    v1::JoinReply reply;
    const grpc::Status joined = NewRank(0, "first").Join(2, 1, &reply);
    EXPECT_TRUE(joined.ok()) << joined.error_message();
    EXPECT_EQ(reply.train().stages_size(), 1);
  }

  HeldRun run_;
  std::unique_ptr<TrainingServer> server_;
};

// Every rpc of the service by its name, called as a worker would.
inline std::vector<std::pair<std::string, std::function<grpc::Status(CallingRank&)>>> EveryRpc() {
  return {
      {"Join", [](CallingRank& rank) { return rank.Join(); }},
      {"FetchAdapter",
       [](CallingRank& rank) {
         std::vector<v1::Chunk> chunks;
         const grpc::Status status = rank.FetchAdapter(&chunks);
         EXPECT_TRUE(status.ok() || chunks.empty()) << "a refused call was sent the adapter";
         return status;
       }},
      {"FetchShard",
       [](CallingRank& rank) {
         std::vector<v1::StepShard> steps;
         const grpc::Status status = rank.FetchShard({Rank(0), 0, 0, 0, 1}, &steps);
         EXPECT_TRUE(status.ok() || steps.empty()) << "a refused call was sent rows";
         return status;
       }},
      {"Heartbeat",
       [](CallingRank& rank) {
         return rank.Heartbeat({0, 0, 3});
       }},
      {"ReportSteps",
       [](CallingRank& rank) {
         return rank.ReportSteps({0, 1});
       }},
      {"FinishStage", [](CallingRank& rank) { return rank.FinishStage(0, Sha256Of("a").Hex()); }},
      {"SendCheckpoint",
       [](CallingRank& rank) {
         return rank.SendCheckpoint(rank.CheckpointOf({0, 0, 1}, "state", 3));
       }},
      {"ProveCheckpoint",
       [](CallingRank& rank) {
         return rank.ProveCheckpoint({0, 0, 1}, Sha256Of("state").Hex());
       }},
      {"FetchCheckpoint",
       [](CallingRank& rank) {
         std::vector<v1::Chunk> chunks;
         const grpc::Status status = rank.FetchCheckpoint(&chunks);
         EXPECT_TRUE(status.ok() || chunks.empty()) << "a refused call was sent a checkpoint";
         return status;
       }},
      {"SendCandidate",
       [](CallingRank& rank) {
         return rank.SendCandidate(rank.StreamOf(std::vector<float>(kElements, 1), 1 << 20));
       }},
      {"ReportEvaluation", [](CallingRank& rank) { return rank.ReportEvaluation(1.5, 2); }},
      {"ReportGeneration", [](CallingRank& rank) { return rank.ReportGeneration(0, {7}); }},
      {"Fail", [](CallingRank& rank) { return rank.Fail("a reason"); }},
  };
}

}  // namespace strata
