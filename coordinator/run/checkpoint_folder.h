// Keeps a run's checkpoints on disk: writes what rank 0 streams, reads it back, finds the newest
// that is whole. The service fills it, the run's driver says which count.
//
// Durability: a checkpoint whose Keep returned OK was read back with the digest announced and is
// fsynced under its name. A kill before that leaves a hidden file, which the next RemoveBut
// takes away. Threads: any; of one checkpoint one at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"
#include "common/posix_file.h"
#include "coordinator/core/run_core.h"

namespace strata {

class CheckpointFolder {
 public:
  // `elements` of the adapter whose training is kept. The folder is made with the first checkpoint.
  CheckpointFolder(std::filesystem::path folder, uint64_t elements, FileSystem* files)
      : folder_(std::move(folder)), elements_(elements), files_(files) {}

  // Writes what `next` gives, `bytes` in all. INVALID_ARGUMENT when it is larger than a state can
  // be, before anything is read; DATA_LOSS when size, digest or header are not those of
  // `checkpoint`; RESOURCE_EXHAUSTED when the disk is full. Nothing is left behind then.
  absl::Status Keep(const Checkpoint& checkpoint, uint64_t bytes, const NextPiece& next);
  // Reads it whole. NOT_FOUND, or DATA_LOSS with what is wrong.
  absl::Status Verify(const Checkpoint& checkpoint) const;
  // Moves one that is damaged into quarantine/ beside the folder, for a look. What can't be moved
  // stays.
  void SetAside(const Checkpoint& checkpoint);
  // What can't be removed stays.
  void Remove(const Checkpoint& checkpoint);
  // Removes every checkpoint of this folder but these, and what a kill has left of others; also one
  // that is just being kept, which then fails. What can't be removed stays.
  void RemoveBut(const std::vector<Checkpoint>& kept);

  std::filesystem::path PathOf(const Checkpoint& checkpoint) const;

 private:
  absl::Status Check(const Checkpoint& checkpoint, const std::filesystem::path& file) const;

  std::filesystem::path folder_;
  uint64_t elements_;
  FileSystem* files_;
};

}  // namespace strata
