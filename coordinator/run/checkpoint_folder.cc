#include "coordinator/run/checkpoint_folder.h"

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "common/train_state_bytes.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr char kSuffix[] = ".checkpoint";
constexpr char kIncoming[] = ".incoming-";

// One of the two kinds of files that this folder makes.
bool IsOurs(const fs::path& file) {
  return file.extension() == kSuffix || file.filename().string().rfind(kIncoming, 0) == 0;
}

}  // namespace

fs::path CheckpointFolder::PathOf(const Checkpoint& checkpoint) const {
  const Position& next = checkpoint.next;
  // With the digest: what is sent again under the same place never takes the place of another.
  return folder_ / absl::StrFormat("s%04d-e%04d-%07d-a%d-%s%s", next.stage, next.epoch, next.step,
                                   checkpoint.attempt.value(), checkpoint.state.Hex().substr(0, 8),
                                   kSuffix);
}

absl::Status CheckpointFolder::Check(const Checkpoint& checkpoint, const fs::path& file) const {
  ASSIGN_OR_RETURN(const Digest digest, Sha256OfFile(file));
  if (digest != checkpoint.state) {
    return absl::DataLossError(
        absl::StrCat("the checkpoint ", file.string(), " is not what was announced"));
  }
  std::string bytes(TrainStateHeaderBytes(), '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(stream.gcount()));
  ASSIGN_OR_RETURN(const TrainStateHeader header, DecodeTrainStateHeader(bytes));
  std::error_code error;
  const uint64_t size = fs::file_size(file, error);
  const Position at{header.stage, header.epoch, header.step};
  if (error || at != checkpoint.next || header.elements != elements_ ||
      TrainStateBytes(header) != size) {
    return absl::DataLossError(
        absl::StrCat("the checkpoint ", file.string(), " is not of this place and adapter"));
  }
  return absl::OkStatus();
}

absl::Status CheckpointFolder::Verify(const Checkpoint& checkpoint) const {
  return Check(checkpoint, PathOf(checkpoint));
}

absl::Status CheckpointFolder::Keep(const Checkpoint& checkpoint, uint64_t bytes,
                                    const NextPiece& next) {
  if (bytes > TrainStateBytesMax(elements_)) {
    return absl::InvalidArgumentError(absl::StrCat("a checkpoint of ", bytes,
                                                   " bytes; of this adapter it has at most ",
                                                   TrainStateBytesMax(elements_)));
  }
  RETURN_IF_ERROR(files_->CreateDirectories(folder_));
  const fs::path incoming = folder_ / absl::StrCat(kIncoming, RandomHex(8));
  uint64_t received = 0;
  const NextPiece counted = [&]() -> absl::StatusOr<std::string_view> {
    ASSIGN_OR_RETURN(const std::string_view piece, next());
    received += piece.size();
    if (received <= bytes && (!piece.empty() || received == bytes)) return piece;
    return absl::DataLossError(
        absl::StrCat("a checkpoint of ", received, " bytes or more, announced as ", bytes));
  };
  absl::Status kept = files_->WritePiecesDurably(incoming, counted);
  if (kept.ok()) kept = Check(checkpoint, incoming);
  if (kept.ok()) kept = files_->Rename(incoming, PathOf(checkpoint));
  std::error_code ignored;
  if (!kept.ok()) fs::remove(incoming, ignored);
  return kept;
}

void CheckpointFolder::SetAside(const Checkpoint& checkpoint) {
  const fs::path file = PathOf(checkpoint), quarantine = folder_.parent_path() / "quarantine";
  std::error_code stays;
  fs::create_directories(quarantine, stays);
  fs::rename(file, quarantine / file.filename(), stays);
}

void CheckpointFolder::Remove(const Checkpoint& checkpoint) {
  std::error_code stays;
  fs::remove(PathOf(checkpoint), stays);
}

void CheckpointFolder::RemoveBut(const std::vector<Checkpoint>& kept) {
  if (folder_.empty()) return;
  std::vector<fs::path> names;
  for (const Checkpoint& checkpoint : kept) names.push_back(PathOf(checkpoint));
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error)) {
    const fs::path& file = entry.path();
    if (!IsOurs(file) || std::find(names.begin(), names.end(), file) != names.end()) continue;
    std::error_code stays;
    fs::remove(file, stays);
  }
  if (names.empty()) fs::remove(folder_, error);
}

}  // namespace strata
