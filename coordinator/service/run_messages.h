// Turns what a rank sends into the core's events, its texts fit to be kept (peer_text.h). Leaves
// of training_server.cc: protobuf only, so that they are fuzzed without a network.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "common/sha256.h"
#include "coordinator/core/run_core.h"
#include "coordinator/service/run_host.h"
#include "strata/v1/training.pb.h"

namespace strata {

inline constexpr uint32_t kProtocol = 1;
inline constexpr size_t kIncarnationBytesMax = 64;
// Of what a peer says for people, which is journaled and shown; what is longer is cut.
inline constexpr size_t kNameBytesMax = 255, kWordsBytesMax = 4096;

Position PlaceOf(const v1::Position& at);
Caller CallerOf(const v1::Caller& caller);
// FAILED_PRECONDITION for another protocol, ABORTED for an incarnation without a name or with an
// endless one: else each join of such a peer would be a new line of the journal.
absl::StatusOr<Joined> JoinedOf(const v1::JoinRequest& request);
Heartbeat HeartbeatOf(const v1::HeartbeatRequest& request);
// Of someone who asks and is nowhere.
Heartbeat AliveOf(const v1::Caller& caller);
StepDone DoneOf(const v1::Caller& caller, const v1::StepRecord& step);
EvaluationDone DoneOf(const v1::Caller& caller, const v1::EvaluationRecord& evaluation);
// INVALID_ARGUMENT for an outcome or a digest that is none.
absl::StatusOr<StageFinished> FinishedOf(const v1::FinishStageRequest& request);
// INVALID_ARGUMENT for a digest that is none.
absl::StatusOr<CheckpointTaken> ProvedOf(const v1::ProveCheckpointRequest& request);
RankFailed FailedOf(const v1::FailRequest& request);
ShardWindow WindowOf(const v1::FetchShardRequest& request);

// A candidate while its chunks come in.
class CandidateInMaking {
 public:
  // DATA_LOSS unless the stream's first message announces the digest of `elements` fp32 values.
  // Takes no chunk yet.
  static absl::StatusOr<CandidateInMaking> Announced(const v1::CandidateChunk& first,
                                                     size_t elements);
  // False, and nothing more is taken, for a chunk that does not follow on those before or goes
  // beyond the end.
  bool Take(const v1::Chunk& chunk);
  // The values, once. DATA_LOSS when a chunk was refused, or bytes are missing or not those
  // announced.
  absl::StatusOr<std::vector<float>> Finish() &&;

  const Caller& caller() const { return caller_; }
  const Digest& digest() const { return digest_; }

 private:
  CandidateInMaking(Caller caller, Digest digest, size_t elements)
      : caller_(std::move(caller)), digest_(digest), values_(elements) {}
  Caller caller_;
  Digest digest_;
  std::vector<float> values_;
  size_t received_ = 0;   // bytes
  bool refused_ = false;  // a chunk
};

}  // namespace strata
