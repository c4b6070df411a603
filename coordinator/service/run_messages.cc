#include "coordinator/service/run_messages.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/service/peer_text.h"

namespace strata {
namespace {

constexpr char kNotAnnounced[] = "the candidate's bytes are not those that were announced";

std::string Words(const std::string& text) { return PeerText(text, kWordsBytesMax); }

std::string_view BytesOf(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

}  // namespace

Position PlaceOf(const v1::Position& at) { return {at.stage(), at.epoch(), at.step()}; }

Caller CallerOf(const v1::Caller& caller) {
  return {AttemptId(caller.attempt()), Rank(caller.rank()), caller.incarnation()};
}

absl::StatusOr<Joined> JoinedOf(const v1::JoinRequest& request) {
  if (request.protocol() != kProtocol) {
    return absl::FailedPreconditionError(absl::StrCat(
        "protocol ", request.protocol(), " is not ", kProtocol, ": install one version of strata"));
  }
  const size_t bytes = request.caller().incarnation().size();
  if (bytes == 0 || bytes > kIncarnationBytesMax)
    return absl::AbortedError("an incarnation has 1 to 64 bytes");
  return Joined{CallerOf(request.caller()),
                request.world(),
                {PeerText(request.host(), kNameBytesMax), PeerText(request.device(), kNameBytesMax),
                 PeerText(request.device_name(), kNameBytesMax),
                 PeerText(request.cpus(), kNameBytesMax), request.threads()},
                request.launch().substr(0, kIncarnationBytesMax)};
}

Heartbeat HeartbeatOf(const v1::HeartbeatRequest& request) {
  constexpr uint64_t kBusyMax = uint64_t{1} << 53;  // ms; a peer's number must not overflow ours
  return {CallerOf(request.caller()),
          PlaceOf(request.position()),
          {request.headway(), request.in_collective(), request.reductions(),
           Millis(static_cast<int64_t>(std::min(request.busy_ms(), kBusyMax)))}};
}

Heartbeat AliveOf(const v1::Caller& caller) { return {CallerOf(caller), {}}; }

StepDone DoneOf(const v1::Caller& caller, const v1::StepRecord& step) {
  return {CallerOf(caller), {step.stage(), step.epoch(), step.step()}};
}

EvaluationDone DoneOf(const v1::Caller& caller, const v1::EvaluationRecord& evaluation) {
  return {CallerOf(caller), {evaluation.stage(), evaluation.epoch(), evaluation.step()}};
}

absl::StatusOr<StageFinished> FinishedOf(const v1::FinishStageRequest& request) {
  const bool failed = request.outcome() == v1::STAGE_OUTCOME_DATA_ERROR;
  if (!failed && request.outcome() != v1::STAGE_OUTCOME_TRAINED)
    return absl::InvalidArgumentError("a stage that neither was trained nor failed");
  ASSIGN_OR_RETURN(const Digest digest, DigestFromHex(request.adapter_sha256()));
  StageFinished event{CallerOf(request.caller()),
                      request.stage(),
                      std::nullopt,
                      digest,
                      {request.steps_kept(), Words(request.reason())}};
  if (failed) event.data_error = Words(request.error());
  return event;
}

absl::StatusOr<CheckpointTaken> ProvedOf(const v1::ProveCheckpointRequest& request) {
  ASSIGN_OR_RETURN(const Digest state, DigestFromHex(request.sha256()));
  return CheckpointTaken{CallerOf(request.caller()), PlaceOf(request.next()), state};
}

RankFailed FailedOf(const v1::FailRequest& request) {
  return {CallerOf(request.caller()), Words(request.reason()), request.permanent()};
}

ShardWindow WindowOf(const v1::FetchShardRequest& request) {
  return {Rank(request.caller().rank()), request.stage(),      request.epoch(),
          request.first_step(),          request.step_count(), request.held_out()};
}

absl::StatusOr<CandidateInMaking> CandidateInMaking::Announced(const v1::CandidateChunk& first,
                                                               size_t elements) {
  const auto digest = DigestFromHex(first.adapter_sha256());
  const size_t bytes = elements * sizeof(float);
  if (digest.ok() && first.bytes() == bytes)
    return CandidateInMaking(CallerOf(first.caller()), *digest, elements);
  return absl::DataLossError(
      absl::StrCat("a candidate of ", first.bytes(), " bytes, expected ", bytes));
}

bool CandidateInMaking::Take(const v1::Chunk& chunk) {
  const std::string& data = chunk.data();
  const size_t bytes = values_.size() * sizeof(float);
  refused_ |= chunk.offset() != received_ || data.size() > bytes - received_;
  if (refused_) return false;
  if (!data.empty())
    std::memcpy(reinterpret_cast<char*>(values_.data()) + received_, data.data(), data.size());
  received_ += data.size();
  return true;
}

absl::StatusOr<std::vector<float>> CandidateInMaking::Finish() && {
  if (refused_ || received_ != values_.size() * sizeof(float) ||
      Sha256Of(BytesOf(values_)) != digest_)
    return absl::DataLossError(kNotAnnounced);
  return std::move(values_);
}

}  // namespace strata
