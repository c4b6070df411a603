// Goal: a checkpoint is whole on disk or not there, and a stream that lies takes no other's place.
// Method: states of a small adapter, true, torn, too long, of another place; a disk that fails.
#include "coordinator/run/checkpoint_folder.h"

#include <fstream>

#include "common/train_state_bytes.h"
#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

constexpr uint64_t kElements = 10;

std::string StateAt(const Position& next, char fill = 'x') {
  TrainStateHeader header;
  header.stage = next.stage, header.epoch = next.epoch, header.step = next.step;
  header.elements = kElements;
  const std::string bytes = EncodeTrainStateHeader(header);
  return bytes + std::string(TrainStateBytes(header) - bytes.size(), fill);
}

// Fails one operation.
class FailingDisk : public FileSystem {
 public:
  std::string fails;

 protected:
  absl::Status Before(std::string_view operation, const std::filesystem::path&) override {
    return operation == fails ? absl::ResourceExhaustedError("the disk is full") : absl::OkStatus();
  }
};

class CheckpointFolderTest : public testing::Test {
 protected:
  absl::Status Keep(const Checkpoint& checkpoint, const std::string& bytes, uint64_t announced,
                    size_t piece = 7) {
    size_t at = 0;
    return checkpoints_.Keep(checkpoint, announced, [&]() -> absl::StatusOr<std::string_view> {
      const std::string_view next = std::string_view(bytes).substr(at, piece);
      at += next.size();
      return next;
    });
  }
  Checkpoint KeepTrue(const Position& next, uint32_t attempt = 1, char fill = 'x') {
    const std::string bytes = StateAt(next, fill);
    const Checkpoint checkpoint{next, AttemptId(attempt), Sha256Of(bytes)};
    const absl::Status kept = Keep(checkpoint, bytes, bytes.size());
    EXPECT_TRUE(kept.ok()) << kept;
    return checkpoint;
  }
  size_t Files() const {
    std::error_code error;
    const std::filesystem::directory_iterator files(folder_.path() / "checkpoints", error);
    return error ? 0 : static_cast<size_t>(std::distance(begin(files), end(files)));
  }
  Folder folder_;
  FailingDisk disk_;
  CheckpointFolder checkpoints_{folder_.path() / "checkpoints", kElements, &disk_};
};

TEST_F(CheckpointFolderTest, KeepsWhatIsTrue) {
  for (const Position& next : {Position{0, 0, 1}, {3, 1, 70000}, {1, 0, 0}})
    EXPECT_TRUE(checkpoints_.Verify(KeepTrue(next)).ok());
  EXPECT_EQ(Files(), 3u);
}

TEST_F(CheckpointFolderTest, WhatIsNotAsAnnouncedLeavesNothing) {
  const Position next{0, 0, 4};
  const std::string bytes = StateAt(next), other = StateAt({0, 0, 5});
  const Checkpoint checkpoint{next, AttemptId(1), Sha256Of(bytes)};
  EXPECT_TRUE(absl::IsDataLoss(Keep(checkpoint, bytes.substr(1), bytes.size())));
  EXPECT_TRUE(absl::IsDataLoss(Keep(checkpoint, bytes.substr(0, 150), bytes.size())));
  EXPECT_TRUE(absl::IsDataLoss(Keep(checkpoint, bytes + "y", bytes.size())));
  EXPECT_TRUE(absl::IsDataLoss(Keep(checkpoint, other, other.size())));
  EXPECT_TRUE(absl::IsDataLoss(Keep({next, AttemptId(1), Sha256Of(other)}, other, other.size())))
      << "of another place";
  EXPECT_EQ(Files(), 0u);
}

TEST_F(CheckpointFolderTest, AnAnnouncementBeyondAnyStateIsRefusedBeforeAnythingIsRead) {
  const Checkpoint checkpoint{{0, 0, 4}, AttemptId(1), Sha256Of("")};
  const auto unread = []() -> absl::StatusOr<std::string_view> {
    ADD_FAILURE() << "it was read";
    return std::string_view();
  };
  EXPECT_TRUE(absl::IsInvalidArgument(checkpoints_.Keep(checkpoint, UINT64_MAX, unread)));
  EXPECT_TRUE(absl::IsInvalidArgument(
      checkpoints_.Keep(checkpoint, TrainStateBytesMax(kElements) + 1, unread)));
}

TEST_F(CheckpointFolderTest, ALieLeavesTheTrueOneOfThatPlace) {
  const Checkpoint kept = KeepTrue({0, 0, 4});
  const std::string other = StateAt({0, 0, 4}, 'y');
  EXPECT_FALSE(Keep(kept, other, other.size()).ok());
  EXPECT_TRUE(checkpoints_.Verify(kept).ok());
  KeepTrue({0, 0, 4}, 1, 'y');
  EXPECT_TRUE(checkpoints_.Verify(kept).ok());
}

TEST_F(CheckpointFolderTest, AFullDiskLeavesNothingAndALaterOneIsKept) {
  const std::string bytes = StateAt({0, 0, 4});
  const Checkpoint checkpoint{{0, 0, 4}, AttemptId(1), Sha256Of(bytes)};
  for (const char* operation : {"create", "write", "fsync", "close", "rename"}) {
    disk_.fails = operation;
    EXPECT_TRUE(absl::IsResourceExhausted(Keep(checkpoint, bytes, bytes.size()))) << operation;
    EXPECT_FALSE(checkpoints_.Verify(checkpoint).ok()) << operation;
  }
  disk_.fails = "";
  EXPECT_TRUE(Keep(checkpoint, bytes, bytes.size()).ok());
}

TEST_F(CheckpointFolderTest, RemovesAllButTheKeptAndNothingForeign) {
  const Checkpoint old = KeepTrue({0, 0, 1}), kept = KeepTrue({0, 0, 2});
  folder_.Write("checkpoints/notes.txt", "the user's");
  folder_.Write("checkpoints/.incoming-0011", "torn");
  checkpoints_.RemoveBut({kept});
  EXPECT_TRUE(absl::IsNotFound(checkpoints_.Verify(old)));
  EXPECT_TRUE(checkpoints_.Verify(kept).ok());
  EXPECT_EQ(Files(), 2u);
  std::filesystem::remove(folder_.path() / "checkpoints/notes.txt");
  checkpoints_.RemoveBut({});
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "checkpoints"));
}

TEST_F(CheckpointFolderTest, RemovesOneAndLeavesWhatIsOnItsWay) {
  const Checkpoint old = KeepTrue({0, 0, 1});
  const std::string bytes = StateAt({0, 0, 2});
  const Checkpoint next{{0, 0, 2}, AttemptId(1), Sha256Of(bytes)};
  bool removed = false;
  size_t at = 0;
  const absl::Status kept =
      checkpoints_.Keep(next, bytes.size(), [&]() -> absl::StatusOr<std::string_view> {
        if (!std::exchange(removed, true)) checkpoints_.Remove(old);
        const std::string_view piece = std::string_view(bytes).substr(at, 50);
        at += piece.size();
        return piece;
      });
  EXPECT_TRUE(kept.ok()) << kept;
  EXPECT_FALSE(checkpoints_.Verify(old).ok());
  EXPECT_TRUE(checkpoints_.Verify(next).ok());
}

TEST_F(CheckpointFolderTest, AFlippedBitIsDataLoss) {
  const Checkpoint kept = KeepTrue({0, 0, 4});
  std::fstream file(checkpoints_.PathOf(kept), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(140);
  file.put('!');
  file.close();
  EXPECT_TRUE(absl::IsDataLoss(checkpoints_.Verify(kept)));
}

}  // namespace
}  // namespace strata
