// Goal: a candidate is taken whole and true, or not at all. Method: streams that lie in one thing
// each, sent to the real server over loopback.
#include <numeric>

#include "tests/coordinator/service/served_run.h"

namespace strata {
namespace {

using grpc::StatusCode;
using Stream = std::vector<v1::CandidateChunk>;

constexpr size_t kPiece = 700'001;  // eight pieces, none on a float's edge

class CandidateTest : public ServedRun {
 protected:
  void SetUp() override {
    rank_.emplace(JoinAll());
    std::iota(adapter_.begin(), adapter_.end(), 1.0f);
    stream_ = rank_->StreamOf(adapter_, kPiece);
  }
  void ExpectRefused(const Stream& stream, StatusCode code = StatusCode::DATA_LOSS) {
    EXPECT_EQ(rank_->SendCandidate(stream).error_code(), code);
    EXPECT_TRUE(run_.seen().candidates.empty());
  }
  void ExpectTaken(const Stream& stream) {
    const grpc::Status sent = rank_->SendCandidate(stream);
    EXPECT_TRUE(sent.ok()) << sent.error_message();
    const auto candidates = run_.seen().candidates;
    ASSERT_FALSE(candidates.empty());
    EXPECT_TRUE(candidates.back() == adapter_);
  }
  std::optional<CallingRank> rank_;
  std::vector<float> adapter_ = std::vector<float>(kElements);
  Stream stream_;
};

TEST_F(CandidateTest, IsTakenFromManyChunks) {
  ASSERT_EQ(stream_.size(), 8u);
  ExpectTaken(stream_);
}

TEST_F(CandidateTest, IsTakenAgainWhenTheReplyWasLost) {
  ExpectTaken(stream_);
  ExpectTaken(stream_);
}

TEST_F(CandidateTest, IsTakenAfterAStreamThatBroke) {
  ExpectRefused({stream_.begin(), stream_.begin() + 3});
  ExpectTaken(stream_);
}

TEST_F(CandidateTest, AnEmptyStreamIsDataLoss) { ExpectRefused({}); }

TEST_F(CandidateTest, AMessageOfNothingIsOfNoRun) {
  ExpectRefused({v1::CandidateChunk()}, StatusCode::ABORTED);
}

TEST_F(CandidateTest, AHoleIsDataLoss) {
  Stream holed = stream_;
  holed.erase(holed.begin() + 3);
  ExpectRefused(holed);
}

TEST_F(CandidateTest, ChunksOutOfOrderOrTwiceAreDataLoss) {
  Stream swapped = stream_, repeated = stream_;
  std::swap(swapped[2], swapped[3]);
  ExpectRefused(swapped);
  repeated.insert(repeated.begin() + 2, stream_[1]);
  ExpectRefused(repeated);
}

TEST_F(CandidateTest, AChunkFarBeyondTheEndIsDataLoss) {
  for (const uint64_t offset : {uint64_t{1} << 40, UINT64_MAX, UINT64_MAX - 7}) {
    Stream far = stream_;
    far[1].mutable_chunk()->set_offset(offset);
    ExpectRefused(far);
  }
}

TEST_F(CandidateTest, BytesMissingOrTooManyAreDataLoss) {
  Stream shorter = stream_, longer = stream_;
  shorter.back().mutable_chunk()->mutable_data()->pop_back();
  ExpectRefused(shorter);
  longer.back().mutable_chunk()->mutable_data()->push_back('x');
  ExpectRefused(longer);
}

TEST_F(CandidateTest, AnAnnouncementOfAnotherSizeIsDataLoss) {
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{4}, UINT64_MAX}) {
    Stream lying = stream_;
    lying[0].set_bytes(bytes);
    ExpectRefused(lying);
  }
}

TEST_F(CandidateTest, AnAdapterOfAnotherSizeIsDataLoss) {
  ExpectRefused(rank_->StreamOf(std::vector<float>(kElements + 1), kPiece));
  ExpectRefused(rank_->StreamOf(std::vector<float>(1), kPiece));
}

TEST_F(CandidateTest, AnotherDigestOrNoneIsDataLoss) {
  for (const std::string& digest : {Sha256Of("another").Hex(), std::string(), std::string("zz")}) {
    Stream lying = stream_;
    lying[0].set_adapter_sha256(digest);
    ExpectRefused(lying);
  }
}

TEST_F(CandidateTest, AFlippedBitIsDataLoss) {
  (*stream_[5].mutable_chunk()->mutable_data())[1000] ^= 1;
  ExpectRefused(stream_);
}

TEST_F(CandidateTest, OnlyRankZeroHandsItIn) {
  stream_[0].mutable_caller()->set_rank(1);
  ExpectRefused(stream_, StatusCode::INVALID_ARGUMENT);
}

TEST_F(CandidateTest, AfterTheEndOfTheRunItIsAborted) {
  rank_->Fail("gone");
  ExpectRefused(stream_, StatusCode::ABORTED);
}

TEST_F(CandidateTest, WithTheProofOfEveryRankItIsCommitted) {
  const std::string digest = stream_[0].adapter_sha256();
  for (const uint32_t stage : {0u, 1u}) {
    for (const int rank : {0, 1})
      EXPECT_TRUE(NewRank(rank, "first").FinishStage(stage, digest).ok());
  }
  EXPECT_EQ(run_.seen().phase, Phase::kTraining);
  ExpectTaken(stream_);
  EXPECT_EQ(run_.seen().phase, Phase::kCommitting);
}

}  // namespace
}  // namespace strata
