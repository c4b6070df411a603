// Goal: a checkpoint comes whole or not at all, and counts by every rank's word alone.
// Method: ranks over loopback whose streams are right, torn, swapped or lies.

#include "tests/common/folder.h"
#include "tests/coordinator/service/served_run.h"

namespace strata {
namespace {

using grpc::StatusCode;

class CheckpointTest : public ServedRun {
 protected:
  CheckpointTest() : rank_(JoinAll()) {}
  void ExpectRefused(const std::vector<v1::CheckpointChunk>& stream,
                     StatusCode code = StatusCode::DATA_LOSS) {
    EXPECT_EQ(rank_.SendCheckpoint(stream).error_code(), code);
    EXPECT_TRUE(run_.seen().checkpoints.empty());
  }
  const std::string state_ = std::string(100, 'a') + std::string(100, 'b') + "c";
  CallingRank rank_;
};

TEST_F(CheckpointTest, ComesWholeInAnyPieces) {
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{201}, size_t{1} << 20})
    EXPECT_TRUE(rank_.SendCheckpoint(rank_.CheckpointOf({0, 0, 1}, state_, piece)).ok()) << piece;
  EXPECT_EQ(run_.seen().checkpoints, std::vector<std::string>(4, state_));
}

TEST_F(CheckpointTest, TornOrSwappedStreamsAreDataLoss) {
  const auto whole = rank_.CheckpointOf({0, 0, 1}, state_, 50);
  auto shorter = whole, swapped = whole, holed = whole, longer = whole, repeated = whole;
  shorter.pop_back();
  std::swap(swapped[1], swapped[2]);
  holed.erase(holed.begin() + 1);
  longer.emplace_back(longer.back()).mutable_chunk()->set_offset(state_.size());
  repeated.insert(repeated.begin() + 1, whole[1]);
  for (const auto& stream : {shorter, swapped, holed, longer, repeated}) ExpectRefused(stream);
  auto flipped = whole;
  (*flipped[2].mutable_chunk()->mutable_data())[3] ^= 1;
  ExpectRefused(flipped);
}

TEST_F(CheckpointTest, OnlyRankZeroSendsAndOnlyTheOthersProve) {
  CallingRank other = NewRank(1, "first");
  EXPECT_EQ(other.SendCheckpoint(other.CheckpointOf({0, 0, 1}, state_, 50)).error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(run_.seen().checkpoints.empty());
  EXPECT_EQ(rank_.ProveCheckpoint({0, 0, 1}, Sha256Of(state_).Hex()).error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(other.ProveCheckpoint({0, 0, 1}, "no digest").error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(other.ProveCheckpoint({5, 0, 1}, Sha256Of(state_).Hex()).error_code(),
            StatusCode::INVALID_ARGUMENT);
}

TEST_F(CheckpointTest, IsFetchedAsItLies) {
  std::vector<v1::Chunk> chunks;
  EXPECT_EQ(rank_.FetchCheckpoint(&chunks).error_code(), StatusCode::FAILED_PRECONDITION);
  const std::string bytes = std::string((2 << 20) + 5, 'x') + "end";
  const Folder folder;
  run_.to_fetch = folder.Write("checkpoint", bytes);
  ASSERT_TRUE(rank_.FetchCheckpoint(&chunks).ok());
  std::string fetched;
  for (const v1::Chunk& chunk : chunks) {
    EXPECT_EQ(chunk.offset(), fetched.size());
    fetched += chunk.data();
  }
  EXPECT_EQ(fetched, bytes);
}

}  // namespace
}  // namespace strata
