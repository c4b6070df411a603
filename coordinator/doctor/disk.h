// Judges whether a branch's file system can take a commit. Pure; ExamineDisk (examination.h) tries
// it out and asks.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "coordinator/doctor/finding.h"
#include "coordinator/doctor/machine.h"

namespace strata {

// What came of doing in a folder what a commit does there.
struct DiskTrial {
  absl::Status failed;  // the first that did
  bool locks = true;    // a second process is refused a lock that is held
  std::chrono::microseconds fsync_median{};
};

// Makes, fsyncs, renames, links and locks in a folder of its own under `folder`, and removes it.
DiskTrial TryDisk(const std::filesystem::path& folder);

Finding JudgeTrial(const std::string& check, const std::filesystem::path& folder, const Disk& disk,
                   const DiskTrial& trial);

struct SpaceNeed {
  uint64_t adapter_bytes = 0;  // 0: not known
  uint64_t text_bytes = 0;     // of training/: its tokens are cached
  uint32_t keep_backups = 0;
};

// A commit writes a new version and copies of the old current and previous; in the long run there
// are three versions and keep_backups pairs.
Finding JudgeSpace(const std::filesystem::path& folder, const Disk& disk, const SpaceNeed& need);

}  // namespace strata
