#include "coordinator/service/training_server.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cmath>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/service/guarded_server.h"
#include "coordinator/service/run_messages.h"
#include "strata/v1/training.grpc.pb.h"

namespace strata {
namespace {

constexpr size_t kChunkBytes = 1 << 20;
// Candidates, each of which is kept in memory, or checkpoints. A second one may come before the end
// of a broken stream is seen.
constexpr int kIncomingMax = 2;
// The host keeps the first of what is handed in, before the core judges the caller.
constexpr char kNotRankZero[] = "only rank 0 hands in the run's result";

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

// kStop is a message of its own in a heartbeat and OK elsewhere.
grpc::Status ToGrpc(const Effects& effects) {
  switch (effects.answer) {
    case Answer::kAborted:
      return {grpc::StatusCode::ABORTED, effects.why};
    case Answer::kInvalid:
      return {grpc::StatusCode::INVALID_ARGUMENT, effects.why};
    default:
      return grpc::Status::OK;
  }
}

// A stream's messages as the pieces of one file.
class ChunkPieces {
 public:
  ChunkPieces(v1::CheckpointChunk* message, grpc::ServerReader<v1::CheckpointChunk>* reader)
      : message_(message), reader_(reader) {}
  // The next chunk; each must follow on the one before it.
  absl::StatusOr<std::string_view> Next() {
    if (begun_ && !reader_->Read(message_)) return std::string_view();
    begun_ = true;
    if (message_->chunk().offset() != received_ || message_->chunk().data().empty())
      return absl::DataLossError("the checkpoint's chunks do not follow one another");
    received_ += message_->chunk().data().size();
    return message_->chunk().data();
  }

 private:
  v1::CheckpointChunk* const message_;
  grpc::ServerReader<v1::CheckpointChunk>* const reader_;
  uint64_t received_ = 0;
  bool begun_ = false;
};

class Handlers final : public v1::Training::Service {
 public:
  Handlers(RunHost* host, ConnectionGate* gate) : host_(host), gate_(gate) {}

  grpc::Status Join(grpc::ServerContext* context, const v1::JoinRequest* request,
                    v1::JoinReply* reply) override {
    // Who starts a worker by hand knows neither run nor attempt; the token says that it may come.
    if (!request->caller().run_id().empty()) {
      if (grpc::Status denied = Authorize(*context, request->caller()); !denied.ok()) return denied;
    }
    gate_->Admit(context->peer());
    absl::StatusOr<Joined> joined = JoinedOf(*request);
    if (!joined.ok()) return ToGrpc(joined.status());
    if (request->caller().run_id().empty() && request->caller().attempt() == 0)
      joined->caller.attempt = AttemptId(host_->Task().attempt());
    const Effects effects = host_->Submit(*joined);
    // After it: what it joined is decided then, and durable.
    *reply = host_->Task();
    // What is wrong with a join is the world that MPI started.
    if (effects.answer == Answer::kInvalid)
      return {grpc::StatusCode::FAILED_PRECONDITION, effects.why};
    return ToGrpc(effects);
  }

  grpc::Status FetchAdapter(grpc::ServerContext* context, const v1::FetchAdapterRequest* request,
                            grpc::ServerWriter<v1::Chunk>* writer) override {
    if (grpc::Status denied = Alive(*context, request->caller()); !denied.ok()) return denied;
    const auto* bytes = reinterpret_cast<const char*>(host_->Adapter().data());
    const size_t total = host_->Adapter().size() * sizeof(float);
    v1::Chunk chunk;
    for (size_t offset = 0; offset < total; offset += kChunkBytes) {
      chunk.set_offset(offset);
      chunk.set_data(bytes + offset, std::min(kChunkBytes, total - offset));
      if (!writer->Write(chunk)) break;
    }
    return grpc::Status::OK;
  }

  grpc::Status FetchShard(grpc::ServerContext* context, const v1::FetchShardRequest* request,
                          grpc::ServerWriter<v1::StepShard>* writer) override {
    if (grpc::Status denied = Alive(*context, request->caller()); !denied.ok()) return denied;
    const auto shard = host_->Shard(WindowOf(*request));
    if (!shard.ok()) return ToGrpc(shard.status());
    for (const v1::StepShard& step : *shard) {
      if (!writer->Write(step)) break;
    }
    return grpc::Status::OK;
  }

  grpc::Status Heartbeat(grpc::ServerContext* context, const v1::HeartbeatRequest* request,
                         v1::HeartbeatReply* reply) override {
    if (grpc::Status denied = Authorize(*context, request->caller()); !denied.ok()) return denied;
    const Effects effects = host_->Submit(HeartbeatOf(*request));
    reply->set_directive(effects.answer == Answer::kStop ? v1::DIRECTIVE_STOP
                                                         : v1::DIRECTIVE_CONTINUE);
    return ToGrpc(effects);
  }

  grpc::Status ReportSteps(grpc::ServerContext* context, const v1::ReportStepsRequest* request,
                           v1::ReportStepsReply* reply) override {
    if (grpc::Status denied = Authorize(*context, request->caller()); !denied.ok()) return denied;
    reply->set_directive(v1::DIRECTIVE_CONTINUE);
    for (const v1::StepRecord& step : request->steps()) {
      if (!step.skipped() && !std::isfinite(step.loss()))
        return {grpc::StatusCode::INVALID_ARGUMENT, "a step that was applied has a finite loss"};
      const Effects effects = host_->SubmitStep(DoneOf(request->caller(), step), step);
      if (effects.answer == Answer::kStop) reply->set_directive(v1::DIRECTIVE_STOP);
      if (grpc::Status status = ToGrpc(effects); !status.ok()) return status;
    }
    for (const v1::EvaluationRecord& evaluation : request->evaluations()) {
      const Effects effects =
          host_->SubmitEvaluation(DoneOf(request->caller(), evaluation), evaluation);
      if (grpc::Status status = ToGrpc(effects); !status.ok()) return status;
    }
    return grpc::Status::OK;
  }

  grpc::Status FinishStage(grpc::ServerContext* context, const v1::FinishStageRequest* request,
                           v1::FinishStageReply*) override {
    if (grpc::Status denied = Authorize(*context, request->caller()); !denied.ok()) return denied;
    const absl::StatusOr<StageFinished> finished = FinishedOf(*request);
    if (!finished.ok()) return ToGrpc(finished.status());
    return ToGrpc(host_->Submit(*finished));
  }

  grpc::Status SendCheckpoint(grpc::ServerContext* context,
                              grpc::ServerReader<v1::CheckpointChunk>* reader,
                              v1::SendCheckpointReply*) override {
    v1::CheckpointChunk first;
    if (!reader->Read(&first)) return {grpc::StatusCode::DATA_LOSS, "an empty stream"};
    const Caller caller = CallerOf(first.caller());
    // Only who may change the run may fill its disk.
    if (grpc::Status denied = Alive(*context, first.caller()); !denied.ok()) return denied;
    if (caller.rank != Rank(0)) return {grpc::StatusCode::INVALID_ARGUMENT, kNotRankZero};
    const Counted incoming(&checkpoints_incoming_);
    if (incoming.before >= kIncomingMax)
      return {grpc::StatusCode::UNAVAILABLE, "other checkpoints are coming in; try again"};
    const auto state = DigestFromHex(first.info().sha256());
    if (!state.ok()) return ToGrpc(state.status());
    const Position next = PlaceOf(first.info().next());
    const uint64_t bytes = first.info().bytes();
    ChunkPieces pieces(&first, reader);
    if (absl::Status kept = host_->KeepCheckpoint({next, caller.attempt, *state}, bytes,
                                                  [&] { return pieces.Next(); });
        !kept.ok()) {
      return ToGrpc(kept);
    }
    return ToGrpc(host_->Submit(CheckpointTaken{caller, next, *state}));
  }

  grpc::Status ProveCheckpoint(grpc::ServerContext* context,
                               const v1::ProveCheckpointRequest* request,
                               v1::ProveCheckpointReply*) override {
    if (grpc::Status denied = Alive(*context, request->caller()); !denied.ok()) return denied;
    // Rank 0's counts only once it is on disk.
    if (request->caller().rank() == 0)
      return {grpc::StatusCode::INVALID_ARGUMENT, "rank 0 sends its state"};
    const absl::StatusOr<CheckpointTaken> proved = ProvedOf(*request);
    if (!proved.ok()) return ToGrpc(proved.status());
    return ToGrpc(host_->Submit(*proved));
  }

  grpc::Status FetchCheckpoint(grpc::ServerContext* context,
                               const v1::FetchCheckpointRequest* request,
                               grpc::ServerWriter<v1::Chunk>* writer) override {
    if (grpc::Status denied = Alive(*context, request->caller()); !denied.ok()) return denied;
    const auto file = host_->CheckpointToFetch();
    if (!file.ok()) return ToGrpc(file.status());
    std::ifstream stream(*file, std::ios::binary);
    std::string data(kChunkBytes, '\0');
    v1::Chunk chunk;
    for (uint64_t offset = 0; stream.read(data.data(), kChunkBytes) || stream.gcount() > 0;) {
      chunk.set_offset(offset);
      chunk.set_data(data.data(), static_cast<size_t>(stream.gcount()));
      offset += chunk.data().size();
      if (!writer->Write(chunk)) break;
    }
    return grpc::Status::OK;
  }

  grpc::Status SendCandidate(grpc::ServerContext* context,
                             grpc::ServerReader<v1::CandidateChunk>* reader,
                             v1::SendCandidateReply*) override {
    v1::CandidateChunk message;
    if (!reader->Read(&message)) return {grpc::StatusCode::DATA_LOSS, "an empty stream"};
    if (grpc::Status denied = Alive(*context, message.caller()); !denied.ok()) return denied;
    if (message.caller().rank() != 0) return {grpc::StatusCode::INVALID_ARGUMENT, kNotRankZero};
    const Counted incoming(&candidates_incoming_);
    if (incoming.before >= kIncomingMax)
      return {grpc::StatusCode::UNAVAILABLE, "other candidates are coming in; try again"};
    auto candidate = CandidateInMaking::Announced(message, host_->Adapter().size());
    if (!candidate.ok()) return ToGrpc(candidate.status());
    bool follows = true;
    do {
      follows = candidate->Take(message.chunk());
    } while (follows && reader->Read(&message));
    const Caller caller = candidate->caller();
    const Digest digest = candidate->digest();
    absl::StatusOr<std::vector<float>> adapter = (*std::move(candidate)).Finish();
    if (!adapter.ok()) return ToGrpc(adapter.status());
    if (grpc::Status stale = ToGrpc(host_->Submit(strata::Heartbeat{caller, {}})); !stale.ok()) {
      return stale;
    }
    host_->TakeCandidate(*std::move(adapter));
    return ToGrpc(host_->Submit(CandidateArrived{caller, digest}));
  }

  grpc::Status ReportEvaluation(grpc::ServerContext* context,
                                const v1::ReportEvaluationRequest* request,
                                v1::ReportEvaluationReply*) override {
    if (grpc::Status denied = Alive(*context, request->caller()); !denied.ok()) return denied;
    if (request->caller().rank() != 0) return {grpc::StatusCode::INVALID_ARGUMENT, kNotRankZero};
    host_->TakeEvaluation(request->loss_sum(), request->tokens());
    return ToGrpc(host_->Submit(ResultArrived{CallerOf(request->caller()), Purpose::kEvaluate}));
  }

  grpc::Status ReportGeneration(grpc::ServerContext* context,
                                const v1::ReportGenerationRequest* request,
                                v1::ReportGenerationReply*) override {
    if (grpc::Status denied = Alive(*context, request->caller()); !denied.ok()) return denied;
    if (request->caller().rank() != 0) return {grpc::StatusCode::INVALID_ARGUMENT, kNotRankZero};
    const absl::StatusOr<bool> complete = host_->TakeGeneration(*request);
    if (!complete.ok()) return ToGrpc(complete.status());
    if (!*complete) return grpc::Status::OK;
    return ToGrpc(host_->Submit(ResultArrived{CallerOf(request->caller()), Purpose::kGenerate}));
  }

  grpc::Status Fail(grpc::ServerContext* context, const v1::FailRequest* request,
                    v1::FailReply*) override {
    if (grpc::Status denied = Authorize(*context, request->caller()); !denied.ok()) return denied;
    return ToGrpc(host_->Submit(FailedOf(*request)));
  }

 private:
  // One more of something, while it lives.
  struct Counted {
    explicit Counted(std::atomic<int>* of) : count(of), before((*of)++) {}
    ~Counted() { --*count; }
    std::atomic<int>* const count;
    const int before;
  };

  // A caller of this run; it has the token, else the call would not have come here.
  grpc::Status Authorize(const grpc::ServerContext& context, const v1::Caller& caller) const {
    gate_->Admit(context.peer());
    if (caller.run_id() != host_->Run().value())
      return {grpc::StatusCode::ABORTED, "this is another run"};
    return grpc::Status::OK;
  }

  // Authorized, and of the live attempt.
  grpc::Status Alive(const grpc::ServerContext& context, const v1::Caller& caller) {
    if (grpc::Status denied = Authorize(context, caller); !denied.ok()) return denied;
    return ToGrpc(host_->Submit(AliveOf(caller)));
  }

  RunHost* const host_;
  ConnectionGate* const gate_;
  std::atomic<int> candidates_incoming_ = 0, checkpoints_incoming_ = 0;
};

}  // namespace

struct TrainingServer::Impl {
  std::unique_ptr<Handlers> handlers;
  std::unique_ptr<GuardedServer> server;
};

TrainingServer::TrainingServer() : impl_(std::make_unique<Impl>()) {}

// Calls end before what they ask goes.
TrainingServer::~TrainingServer() { impl_->server.reset(); }

const std::string& TrainingServer::address() const { return impl_->server->address(); }
const std::string& TrainingServer::certificate() const { return impl_->server->certificate(); }

absl::StatusOr<std::unique_ptr<TrainingServer>> TrainingServer::Start(RunHost* host,
                                                                      Access access) {
  std::unique_ptr<TrainingServer> started(new TrainingServer);
  Impl& impl = *started->impl_;
  ASSIGN_OR_RETURN(impl.server, GuardedServer::Bind(std::move(access)));
  impl.handlers = std::make_unique<Handlers>(host, &impl.server->gate());
  RETURN_IF_ERROR(impl.server->Serve(impl.handlers.get()));
  return started;
}

}  // namespace strata
