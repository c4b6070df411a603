#include "coordinator/service/loopback.h"

#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/service/training_server.h"
#include "strata/v1/training.grpc.pb.h"

namespace strata {
namespace {

// A run that takes every heartbeat and nothing else.
class Echo final : public RunHost {
 public:
  const RunId& Run() const override { return run_; }
  Effects Submit(const Event& event) override { return {}; }
  v1::JoinReply Task() const override { return task_; }
  const std::vector<float>& Adapter() const override { return adapter_; }
  absl::StatusOr<std::vector<v1::StepShard>> Shard(const ShardWindow& window) override {
    return absl::InvalidArgumentError("no run");
  }
  Effects SubmitStep(const StepDone&, const v1::StepRecord&) override { return {}; }
  Effects SubmitEvaluation(const EvaluationDone&, const v1::EvaluationRecord&) override {
    return {};
  }
  absl::Status KeepCheckpoint(const Checkpoint&, uint64_t, const NextPiece&) override {
    return absl::InvalidArgumentError("no run");
  }
  absl::StatusOr<std::filesystem::path> CheckpointToFetch() const override {
    return absl::FailedPreconditionError("no run");
  }
  void TakeCandidate(std::vector<float> adapter) override {}
  void TakeEvaluation(double loss_sum, uint64_t tokens) override {}
  absl::StatusOr<bool> TakeGeneration(const v1::ReportGenerationRequest& report) override {
    return absl::InvalidArgumentError("no run");
  }

 private:
  const RunId run_;
  const v1::JoinReply task_;
  const std::vector<float> adapter_;
};

absl::Status Beat(v1::Training::Stub* stub, const std::string& token,
                  std::chrono::milliseconds limit) {
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer " + token);
  context.set_deadline(std::chrono::system_clock::now() + limit);
  context.set_wait_for_ready(true);
  v1::HeartbeatReply reply;
  const auto begin = std::chrono::steady_clock::now();
  const grpc::Status status = stub->Heartbeat(&context, v1::HeartbeatRequest(), &reply);
  // On a busy machine gRPC's timer may be late.
  const bool in_time = std::chrono::steady_clock::now() - begin <= limit;
  if (status.ok() && in_time) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("a call over loopback did not come through: ", status.error_message(), " (code ",
                   static_cast<int>(status.error_code()), ")"));
}

}  // namespace

absl::StatusOr<LoopbackCall> CallLoopback(std::chrono::milliseconds limit) {
  Echo echo;
  const std::string token = RandomHex(16);
  ASSIGN_OR_RETURN(const auto server, TrainingServer::Start(&echo, {.token = token}));
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto stub = v1::Training::NewStub(
      grpc::CreateCustomChannel(server->address(), grpc::InsecureChannelCredentials(), arguments));
  RETURN_IF_ERROR(Beat(stub.get(), token, limit));
  const auto begin = std::chrono::steady_clock::now();
  RETURN_IF_ERROR(Beat(stub.get(), token, limit));
  return LoopbackCall{server->address(), std::chrono::duration_cast<std::chrono::microseconds>(
                                             std::chrono::steady_clock::now() - begin)};
}

}  // namespace strata
