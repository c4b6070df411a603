// Asks whether a disk has room for what is about to be written, before it is. The run asks for a
// whole training, BranchStore for a commit, the mirror for a copy.
//
// Model: bytes and inodes that the file system says are free for this user. A quota is not seen
// that way, nor what others write meanwhile: a disk that fills all the same fails the write, which
// every writer survives. What a file system does not tell counts as enough.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/posix_file.h"

namespace strata {

struct RoomNeed {
  std::filesystem::path folder;  // need not exist yet
  uint64_t bytes = 0;
  uint64_t files = 0;
  std::string what;  // "the commit": the subject of a sentence
};

// RESOURCE_EXHAUSTED with what is needed, what there is, and the folder. Needs on one file system
// are added up.
absl::Status CheckRoom(const std::vector<RoomNeed>& needs, FileSystem* files);

// What a version's folder takes: its adapter, its examples and some small files.
RoomNeed RoomForVersion(const std::filesystem::path& folder, uint64_t adapter_bytes,
                        uint64_t example_bytes);

// The bytes of the files in `folder`; 0 where there is none.
uint64_t BytesIn(const std::filesystem::path& folder);

}  // namespace strata
