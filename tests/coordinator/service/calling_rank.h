// Gives the service's tests ranks that call it as a worker would, over loopback.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/sha256.h"
#include "coordinator/service/run_host.h"
#include "strata/v1/training.grpc.pb.h"
#include "tests/coordinator/service/held_run.h"
#include "tests/coordinator/service/server_channel.h"
#include "tests/coordinator/service/streams.h"

namespace strata {

// One process of a rank. Its calls are what a worker would send; `caller` may be made to lie.
class CallingRank {
 public:
  CallingRank(const Server& server, int rank, const std::string& incarnation)
      : stub_(v1::Training::NewStub(ChannelTo(server))) {
    caller.set_run_id(kRun);
    caller.set_attempt(1);
    caller.set_rank(rank);
    caller.set_incarnation(incarnation);
  }

  v1::Caller caller;
  std::optional<std::string> authorization = std::string("Bearer ") + kToken;
  bool compressed = false;  // what it sends
  std::string host = "machine";

  std::unique_ptr<grpc::ClientContext> Context() const {
    auto context = std::make_unique<grpc::ClientContext>();
    if (authorization) context->AddMetadata("authorization", *authorization);
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    context->set_wait_for_ready(true);
    if (compressed) context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    return context;
  }
  grpc::Status Join(int world = 2, uint32_t protocol = 1, v1::JoinReply* reply = nullptr) {
    auto request = From<v1::JoinRequest>();
    request.set_world(world);
    request.set_protocol(protocol);
    request.set_host(host);
    request.set_device("cpu");
    v1::JoinReply ignored;
    return stub_->Join(Context().get(), request, reply != nullptr ? reply : &ignored);
  }
  grpc::Status FetchAdapter(std::vector<v1::Chunk>* chunks) {
    const auto context = Context();
    return Drain(stub_->FetchAdapter(context.get(), From<v1::FetchAdapterRequest>()), chunks);
  }
  grpc::Status FetchShard(const ShardWindow& window, std::vector<v1::StepShard>* steps) {
    auto request = From<v1::FetchShardRequest>();
    request.set_stage(window.stage);
    request.set_epoch(window.epoch);
    request.set_first_step(window.first_step);
    request.set_step_count(window.step_count);
    const auto context = Context();
    return Drain(stub_->FetchShard(context.get(), request), steps);
  }
  grpc::Status Heartbeat(const Position& at = {}, v1::HeartbeatReply* reply = nullptr) {
    auto request = From<v1::HeartbeatRequest>();
    SetPlace(at, request.mutable_position());
    v1::HeartbeatReply ignored;
    return stub_->Heartbeat(Context().get(), request, reply != nullptr ? reply : &ignored);
  }
  // Steps of stage 0, epoch 0.
  grpc::Status ReportSteps(const std::vector<uint32_t>& steps) {
    auto request = From<v1::ReportStepsRequest>();
    for (const uint32_t step : steps) request.add_steps()->set_step(step);
    v1::ReportStepsReply reply;
    return stub_->ReportSteps(Context().get(), request, &reply);
  }
  // Evaluations after steps of stage 0, epoch 0.
  grpc::Status ReportEvaluations(const std::vector<uint32_t>& steps) {
    auto request = From<v1::ReportStepsRequest>();
    for (const uint32_t step : steps) request.add_evaluations()->set_step(step);
    v1::ReportStepsReply reply;
    return stub_->ReportSteps(Context().get(), request, &reply);
  }
  grpc::Status FinishStage(uint32_t stage, const std::string& digest_hex,
                           v1::StageOutcome outcome = v1::STAGE_OUTCOME_TRAINED) {
    auto request = From<v1::FinishStageRequest>();
    request.set_stage(stage);
    request.set_outcome(outcome);
    request.set_adapter_sha256(digest_hex);
    v1::FinishStageReply reply;
    return stub_->FinishStage(Context().get(), request, &reply);
  }
  // A state of `bytes` at that place, in pieces of `piece` bytes.
  std::vector<v1::CheckpointChunk> CheckpointOf(const Position& next, const std::string& bytes,
                                                size_t piece) const {
    auto stream = InPieces<v1::CheckpointChunk>(caller, bytes, piece);
    v1::CheckpointInfo* info = stream.front().mutable_info();
    SetPlace(next, info->mutable_next());
    info->set_bytes(bytes.size());
    info->set_sha256(Sha256Of(bytes).Hex());
    return stream;
  }
  grpc::Status SendCheckpoint(const std::vector<v1::CheckpointChunk>& stream) {
    v1::SendCheckpointReply reply;
    const auto context = Context();
    return WriteAll(stub_->SendCheckpoint(context.get(), &reply), stream);
  }
  grpc::Status ProveCheckpoint(const Position& next, const std::string& digest_hex) {
    auto request = From<v1::ProveCheckpointRequest>();
    SetPlace(next, request.mutable_next());
    request.set_sha256(digest_hex);
    v1::ProveCheckpointReply reply;
    return stub_->ProveCheckpoint(Context().get(), request, &reply);
  }
  grpc::Status FetchCheckpoint(std::vector<v1::Chunk>* chunks) {
    const auto context = Context();
    return Drain(stub_->FetchCheckpoint(context.get(), From<v1::FetchCheckpointRequest>()), chunks);
  }
  grpc::Status SendCandidate(const std::vector<v1::CandidateChunk>& stream) {
    v1::SendCandidateReply reply;
    const auto context = Context();
    return WriteAll(stub_->SendCandidate(context.get(), &reply), stream);
  }
  // A true candidate in pieces of `piece` bytes, as the proto wants it.
  std::vector<v1::CandidateChunk> StreamOf(const std::vector<float>& adapter, size_t piece) const {
    const std::string bytes = BytesOf(adapter);
    auto stream = InPieces<v1::CandidateChunk>(caller, bytes, piece);
    stream.front().set_bytes(bytes.size());
    stream.front().set_adapter_sha256(Sha256Of(bytes).Hex());
    return stream;
  }
  grpc::Status ReportEvaluation(double loss_sum, uint64_t tokens) {
    auto request = From<v1::ReportEvaluationRequest>();
    request.set_loss_sum(loss_sum);
    request.set_tokens(tokens);
    v1::ReportEvaluationReply reply;
    return stub_->ReportEvaluation(Context().get(), request, &reply);
  }
  // Tokens of prompt `prompt` from `position` on; with an end, by a stop token.
  grpc::Status ReportGeneration(uint32_t prompt, const std::vector<uint32_t>& ids,
                                bool ends = false) {
    auto request = From<v1::ReportGenerationRequest>();
    v1::GeneratedTokens* tokens = request.add_tokens();
    tokens->set_prompt(prompt);
    tokens->mutable_ids()->Add(ids.begin(), ids.end());
    if (ends) tokens->set_end(v1::GENERATION_END_STOP_TOKEN);
    v1::ReportGenerationReply reply;
    return stub_->ReportGeneration(Context().get(), request, &reply);
  }
  grpc::Status Fail(const std::string& reason) {
    auto request = From<v1::FailRequest>();
    request.set_reason(reason);
    v1::FailReply reply;
    return stub_->Fail(Context().get(), request, &reply);
  }
  v1::Training::Stub& stub() { return *stub_; }

 private:
  template <typename Request>
  Request From() const {
    Request request;
    *request.mutable_caller() = caller;
    return request;
  }

  std::unique_ptr<v1::Training::Stub> stub_;
};

}  // namespace strata
