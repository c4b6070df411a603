// Goal: what a rank sends becomes the event it tells, and no text of it is kept without a bound.
#include "coordinator/service/run_messages.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

v1::JoinRequest Join() {
  v1::JoinRequest request;
  request.set_protocol(kProtocol);
  request.set_world(2);
  request.mutable_caller()->set_rank(1);
  request.mutable_caller()->set_incarnation("first");
  return request;
}

v1::FinishStageRequest Finish(v1::StageOutcome outcome) {
  v1::FinishStageRequest request;
  request.set_outcome(outcome);
  request.set_adapter_sha256(std::string(64, 'a'));
  request.set_error("no loss");
  request.set_steps_kept(3);
  return request;
}

v1::CandidateChunk ChunkOf(uint64_t offset, const std::string& data) {
  v1::CandidateChunk message;
  message.mutable_chunk()->set_offset(offset);
  message.mutable_chunk()->set_data(data);
  return message;
}

// The candidate of two values, announced with their true digest.
CandidateInMaking Announced() {
  v1::CandidateChunk first;
  first.set_bytes(8);
  first.set_adapter_sha256(Sha256Of("12345678").Hex());
  return CandidateInMaking::Announced(first, 2).value();
}

TEST(RunMessagesTest, NamesHaveABound) {
  v1::JoinRequest request = Join();
  request.set_host(std::string(1 << 20, 'x'));
  request.set_device(std::string(1 << 20, 'x'));
  request.set_device_name(std::string(1 << 20, 'x'));
  request.set_cpus(std::string(1 << 20, 'x'));
  request.set_launch(std::string(1 << 20, 'x'));
  const Joined joined = JoinedOf(request).value();
  for (const std::string& name : {joined.seat.host, joined.seat.device, joined.seat.device_name,
                                  joined.seat.cpus, joined.launch})
    EXPECT_LE(name.size(), kNameBytesMax);
  for (const size_t bytes : {size_t{0}, kIncarnationBytesMax + 1}) {
    request.mutable_caller()->set_incarnation(std::string(bytes, 'i'));
    EXPECT_TRUE(absl::IsAborted(JoinedOf(request).status())) << bytes;
  }
}

TEST(RunMessagesTest, AnotherProtocolIsRefused) {
  v1::JoinRequest request = Join();
  request.set_protocol(kProtocol + 1);
  EXPECT_TRUE(absl::IsFailedPrecondition(JoinedOf(request).status()));
}

TEST(RunMessagesTest, WordsHaveABound) {
  v1::FailRequest request;
  request.set_reason(std::string(15 << 20, 'x'));
  request.set_permanent(true);
  EXPECT_LE(FailedOf(request).reason.size(), kWordsBytesMax);
  EXPECT_TRUE(FailedOf(request).permanent);
}

TEST(RunMessagesTest, AStageHasAnOutcomeAndADigest) {
  EXPECT_FALSE(FinishedOf(Finish(v1::STAGE_OUTCOME_TRAINED))->data_error.has_value());
  EXPECT_EQ(FinishedOf(Finish(v1::STAGE_OUTCOME_DATA_ERROR))->data_error, "no loss");
  EXPECT_TRUE(absl::IsInvalidArgument(FinishedOf(Finish({})).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(FinishedOf(Finish(static_cast<v1::StageOutcome>(77))).status()));
  v1::FinishStageRequest request = Finish(v1::STAGE_OUTCOME_TRAINED);
  request.set_adapter_sha256("abc");
  EXPECT_FALSE(FinishedOf(request).ok());
  request = Finish(v1::STAGE_OUTCOME_DATA_ERROR);
  request.set_error(std::string(15 << 20, 'x'));
  EXPECT_LE(FinishedOf(request)->data_error->size(), kWordsBytesMax);
}

TEST(RunMessagesTest, ACandidateIsItsChunksInOrder) {
  CandidateInMaking candidate = Announced();
  EXPECT_TRUE(candidate.Take(ChunkOf(0, "123").chunk()));
  EXPECT_TRUE(candidate.Take(ChunkOf(3, "").chunk()));
  EXPECT_TRUE(candidate.Take(ChunkOf(3, "45678").chunk()));
  EXPECT_EQ(std::move(candidate).Finish()->size(), 2u);
}

TEST(RunMessagesTest, ACandidateWithAHoleOrAnEndBeyondItsEndIsDataLoss) {
  for (const auto& chunks : std::vector<std::vector<v1::CandidateChunk>>{
           {},
           {ChunkOf(0, "1234567")},
           {ChunkOf(0, "12345679")},
           {ChunkOf(0, "1234"), ChunkOf(5, "678")},
           {ChunkOf(0, "12345678"), ChunkOf(8, "9")},
           {ChunkOf(0, "12345678"), ChunkOf(0, "1")},
           {ChunkOf(UINT64_MAX, "1"), ChunkOf(0, "12345678")}}) {
    CandidateInMaking candidate = Announced();
    for (const v1::CandidateChunk& chunk : chunks) candidate.Take(chunk.chunk());
    EXPECT_TRUE(absl::IsDataLoss(std::move(candidate).Finish().status())) << chunks.size();
  }
}

TEST(RunMessagesTest, ACandidateOfAnotherSizeIsNotBegun) {
  v1::CandidateChunk first;
  first.set_adapter_sha256(std::string(64, 'a'));
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{4}, UINT64_MAX}) {
    first.set_bytes(bytes);
    EXPECT_TRUE(absl::IsDataLoss(CandidateInMaking::Announced(first, 2).status())) << bytes;
  }
}

}  // namespace
}  // namespace strata
