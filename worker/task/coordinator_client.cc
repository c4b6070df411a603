#include "worker/task/coordinator_client.h"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/host_name.h"
#include "common/status_macros.h"
#include "common/train_state_bytes.h"
#include "strata/v1/training.grpc.pb.h"
#include "worker/task/coordinator_channel.h"
#include "worker/task/rank_log.h"
#include "worker/task/task_messages.h"

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kProtocol = 1;
constexpr size_t kChunkBytes = 1 << 20;
constexpr int kExitLeaseLost = 75;
constexpr std::chrono::seconds kCallMax{60};
constexpr std::chrono::seconds kJoinMax{30};

absl::Status FromGrpc(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

}  // namespace

struct CoordinatorClient::Impl {
  explicit Impl(const WorkerIdentity& who) : identity(who) {
    // Held for the life of the process: the end of gRPC's last user may wait ten seconds for a
    // poller.
    grpc_init();
    stub = v1::Training::NewStub(ChannelTo(who.coordinator, who.secrets.certificate));
    caller.set_run_id(who.run);
    caller.set_attempt(who.attempt);
    caller.set_rank(who.rank);
    caller.set_incarnation(RandomHex(8));
  }

  std::unique_ptr<grpc::ClientContext> Context(std::chrono::milliseconds limit) const {
    auto context = std::make_unique<grpc::ClientContext>();
    context->AddMetadata("authorization", "Bearer " + identity.secrets.token);
    context->set_deadline(std::chrono::system_clock::now() + limit);
    context->set_wait_for_ready(true);
    return context;
  }

  // No lease runs yet that would end the tries.
  absl::Status Join(const v1::JoinRequest& request, v1::JoinReply* reply) const {
    const Clock::time_point end = Clock::now() + kJoinMax;
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
      const grpc::Status status = stub->Join(Context(left).get(), request, reply);
      // Who was started by hand may come between two attempts, or before lost ranks are missed.
      const bool later = status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                         (status.error_code() == grpc::StatusCode::ABORTED && identity.run.empty());
      if (!later || Clock::now() >= end) return FromGrpc(status);
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  }

  // A call made again while the coordinator can't be reached; every rpc is idempotent. The lease
  // ends it otherwise.
  // `bytes` that the call moves may take a second a MiB.
  template <typename Call>
  absl::Status Try(Call call, size_t bytes = 0) const {
    for (;;) {
      const auto context = Context(kCallMax + std::chrono::seconds(bytes >> 20));
      const grpc::Status status = call(context.get());
      if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return FromGrpc(status);
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  }

  // Chunks that follow one another without a hole and end exactly at `total`.
  template <typename Call>
  absl::Status Receive(Call call, char* to, size_t total) const {
    size_t received = 0;
    bool torn = false;
    const auto fetch = [&](grpc::ClientContext* context) {
      received = 0;
      const auto reader = call(context);
      v1::Chunk chunk;
      while (reader->Read(&chunk)) {
        torn = chunk.offset() != received || chunk.data().size() > total - received;
        if (torn) context->TryCancel();
        if (torn) break;
        std::memcpy(to + received, chunk.data().data(), chunk.data().size());
        received += chunk.data().size();
      }
      return reader->Finish();
    };
    const absl::Status status = Try(fetch, total);
    if (!status.ok() && !torn) return status;
    if (!torn && received == total) return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat("the adapter came as ", received, " bytes, expected ", total));
  }

  void BeatUntilTold() {
    Clock::time_point renewed = Clock::now();
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, heartbeat, [this] { return leaving; })) {
      v1::HeartbeatRequest request;
      *request.mutable_caller() = caller;
      SetMessage(position, request.mutable_position());
      SetMessage(progress, &request);
      lock.unlock();
      v1::HeartbeatReply reply;
      const grpc::Status status = stub->Heartbeat(Context(heartbeat * 4).get(), request, &reply);
      if (status.ok()) {
        renewed = Clock::now();
        if (reply.directive() == v1::DIRECTIVE_STOP) stop = true;
      } else if (status.error_code() == grpc::StatusCode::ABORTED ||
                 Clock::now() - renewed > lease) {
        SayAs(identity, LogLevel::kError, "leaves", status.error_message());
        _exit(kExitLeaseLost);
      }
      lock.lock();
    }
  }

  WorkerIdentity identity;  // constant once joined
  v1::Caller caller;
  std::unique_ptr<v1::Training::Stub> stub;
  WorkerTask task;
  std::chrono::milliseconds lease{20'000}, heartbeat{2'000};
  std::atomic<bool> stop = false;
  WorkerProgress progress;
  std::mutex mutex;
  std::condition_variable wake;
  bool leaving = false;    // guarded by mutex
  StagePosition position;  // guarded by mutex
  std::thread heart;
};

CoordinatorClient::CoordinatorClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

CoordinatorClient::~CoordinatorClient() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->leaving = true;
  }
  impl_->wake.notify_all();
  if (impl_->heart.joinable()) impl_->heart.join();
}

absl::StatusOr<std::unique_ptr<CoordinatorClient>> CoordinatorClient::Connect(
    const WorkerIdentity& identity) {
  auto impl = std::make_unique<Impl>(identity);
  v1::JoinRequest request;
  *request.mutable_caller() = impl->caller;
  request.set_protocol(kProtocol);
  request.set_world(identity.world);
  request.set_host(HostName());
  request.set_pid(getpid());
  request.set_device(identity.device);
  request.set_launch(identity.launch);
  request.set_device_name(identity.device_name);
  request.set_cpus(identity.cpus);
  request.set_threads(identity.threads);
  v1::JoinReply reply;
  RETURN_IF_ERROR(impl->Join(request, &reply));
  impl->caller.set_run_id(reply.run_id());
  impl->caller.set_attempt(reply.attempt());
  impl->identity.run = reply.run_id();
  impl->identity.attempt = reply.attempt();
  ASSIGN_OR_RETURN(impl->task, TaskOf(reply));
  impl->lease = std::chrono::milliseconds(reply.lease_ms());
  impl->heartbeat = std::chrono::milliseconds(reply.heartbeat_ms());
  Impl* self = impl.get();
  impl->heart = std::thread([self] { self->BeatUntilTold(); });
  return std::unique_ptr<CoordinatorClient>(new CoordinatorClient(std::move(impl)));
}

const WorkerIdentity& CoordinatorClient::identity() const { return impl_->identity; }

const WorkerTask& CoordinatorClient::task() const { return impl_->task; }
bool CoordinatorClient::StopRequested() const { return impl_->stop; }

void CoordinatorClient::SetPosition(StagePosition position) {
  std::lock_guard lock(impl_->mutex);
  impl_->position = position;
}

WorkerProgress& CoordinatorClient::progress() { return impl_->progress; }

absl::StatusOr<std::vector<float>> CoordinatorClient::FetchAdapter() {
  v1::FetchAdapterRequest request;
  *request.mutable_caller() = impl_->caller;
  std::vector<float> adapter(impl_->task.adapter_elements);
  RETURN_IF_ERROR(impl_->Receive(
      [&](grpc::ClientContext* context) { return impl_->stub->FetchAdapter(context, request); },
      reinterpret_cast<char*>(adapter.data()), adapter.size() * sizeof(float)));
  return adapter;
}

absl::StatusOr<std::string> CoordinatorClient::FetchCheckpoint() {
  v1::FetchCheckpointRequest request;
  *request.mutable_caller() = impl_->caller;
  const SavedState& state = *impl_->task.resume;
  if (state.bytes > TrainStateBytesMax(impl_->task.adapter_elements))
    return absl::DataLossError("the checkpoint is larger than one of this adapter can be");
  std::string bytes(state.bytes, '\0');
  RETURN_IF_ERROR(impl_->Receive(
      [&](grpc::ClientContext* context) { return impl_->stub->FetchCheckpoint(context, request); },
      bytes.data(), bytes.size()));
  if (Sha256Of(bytes) != state.digest)
    return absl::DataLossError("the checkpoint came with other bytes than were announced");
  return bytes;
}

absl::StatusOr<std::vector<StepWork>> CoordinatorClient::FetchShard(const StepWindow& window) {
  v1::FetchShardRequest request;
  *request.mutable_caller() = impl_->caller;
  request.set_stage(window.first.stage);
  request.set_epoch(window.first.epoch);
  request.set_first_step(window.first.step);
  request.set_step_count(window.step_count);
  request.set_held_out(window.held_out);
  std::vector<StepWork> steps;
  const absl::Status status = impl_->Try([&](grpc::ClientContext* context) {
    steps.clear();
    const auto reader = impl_->stub->FetchShard(context, request);
    v1::StepShard shard;
    while (reader->Read(&shard)) steps.push_back(WorkOf(shard));
    return reader->Finish();
  });
  if (!status.ok()) return status;
  if (steps.size() != window.step_count) {
    return absl::DataLossError(
        absl::StrCat("a shard of ", steps.size(), " steps, expected ", window.step_count));
  }
  return steps;
}

absl::Status CoordinatorClient::ReportSteps(const std::vector<StepReport>& reports,
                                            const std::vector<EvaluationReport>& evaluations) {
  v1::ReportStepsRequest request;
  *request.mutable_caller() = impl_->caller;
  for (const StepReport& report : reports) SetMessage(report, request.add_steps());
  for (const EvaluationReport& report : evaluations) SetMessage(report, request.add_evaluations());
  v1::ReportStepsReply reply;
  RETURN_IF_ERROR(impl_->Try([&](grpc::ClientContext* context) {
    return impl_->stub->ReportSteps(context, request, &reply);
  }));
  if (reply.directive() == v1::DIRECTIVE_STOP) impl_->stop = true;
  return absl::OkStatus();
}

absl::Status CoordinatorClient::FinishStage(const StageDone& done) {
  v1::FinishStageRequest request;
  *request.mutable_caller() = impl_->caller;
  request.set_stage(done.stage);
  request.set_outcome(done.data_error.empty() ? v1::STAGE_OUTCOME_TRAINED
                                              : v1::STAGE_OUTCOME_DATA_ERROR);
  request.set_error(done.data_error);
  request.set_adapter_sha256(done.adapter.Hex());
  request.set_steps_kept(done.steps_kept);
  request.set_reason(done.reason);
  v1::FinishStageReply reply;
  return impl_->Try([&](grpc::ClientContext* context) {
    return impl_->stub->FinishStage(context, request, &reply);
  });
}

absl::Status CoordinatorClient::SendCheckpoint(const SavedState& state,
                                               const std::vector<std::string_view>& pieces) {
  v1::SendCheckpointReply reply;
  const auto send = [&](grpc::ClientContext* context) {
    const auto writer = impl_->stub->SendCheckpoint(context, &reply);
    v1::CheckpointChunk message;
    *message.mutable_caller() = impl_->caller;
    SetMessage(state, message.mutable_info());
    size_t offset = 0;
    bool open = true;
    for (std::string_view piece : pieces) {
      while (open && !piece.empty()) {
        const std::string_view part = piece.substr(0, kChunkBytes);
        message.mutable_chunk()->set_offset(offset);
        message.mutable_chunk()->set_data(part.data(), part.size());
        open = writer->Write(message);
        message.Clear();
        offset += part.size();
        piece.remove_prefix(part.size());
      }
    }
    writer->WritesDone();
    return writer->Finish();
  };
  return impl_->Try(send, state.bytes);
}

absl::Status CoordinatorClient::ProveCheckpoint(const SavedState& state) {
  v1::ProveCheckpointRequest request;
  *request.mutable_caller() = impl_->caller;
  SetMessage(state.next, request.mutable_next());
  request.set_sha256(state.digest.Hex());
  v1::ProveCheckpointReply reply;
  return impl_->Try([&](grpc::ClientContext* context) {
    return impl_->stub->ProveCheckpoint(context, request, &reply);
  });
}

absl::Status CoordinatorClient::SendCandidate(const std::vector<float>& adapter,
                                              const Digest& digest) {
  const size_t total = adapter.size() * sizeof(float);
  const auto* bytes = reinterpret_cast<const char*>(adapter.data());
  v1::SendCandidateReply reply;
  const auto send = [&](grpc::ClientContext* context) {
    const auto writer = impl_->stub->SendCandidate(context, &reply);
    for (size_t offset = 0; offset < total; offset += kChunkBytes) {
      v1::CandidateChunk message;
      if (offset == 0) {
        *message.mutable_caller() = impl_->caller;
        message.set_bytes(total);
        message.set_adapter_sha256(digest.Hex());
      }
      message.mutable_chunk()->set_offset(offset);
      message.mutable_chunk()->set_data(bytes + offset, std::min(kChunkBytes, total - offset));
      if (!writer->Write(message)) break;
    }
    writer->WritesDone();
    return writer->Finish();
  };
  return impl_->Try(send, total);
}

absl::Status CoordinatorClient::ReportEvaluation(double loss_sum, uint64_t tokens) {
  v1::ReportEvaluationRequest request;
  *request.mutable_caller() = impl_->caller;
  request.set_loss_sum(loss_sum);
  request.set_tokens(tokens);
  v1::ReportEvaluationReply reply;
  return impl_->Try([&](grpc::ClientContext* context) {
    return impl_->stub->ReportEvaluation(context, request, &reply);
  });
}

absl::Status CoordinatorClient::ReportGeneration(const std::vector<GeneratedToken>& tokens) {
  v1::ReportGenerationRequest request;
  *request.mutable_caller() = impl_->caller;
  for (const GeneratedToken& token : tokens) SetMessage(token, request.add_tokens());
  v1::ReportGenerationReply reply;
  return impl_->Try([&](grpc::ClientContext* context) {
    return impl_->stub->ReportGeneration(context, request, &reply);
  });
}

void CoordinatorClient::Fail(const std::string& reason, bool permanent) {
  v1::FailRequest request;
  *request.mutable_caller() = impl_->caller;
  request.set_reason(reason);
  request.set_permanent(permanent);
  v1::FailReply reply;
  impl_->stub->Fail(impl_->Context(std::chrono::seconds(5)).get(), request, &reply);
}

}  // namespace strata
