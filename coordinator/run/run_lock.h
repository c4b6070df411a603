// Keeps a branch to one run at a time, and gives runs their names. Train and import take both;
// reading and restoring need neither.
#pragma once

#include <chrono>

#include "absl/status/statusor.h"
#include "common/ids.h"
#include "common/posix_file.h"
#include "coordinator/config/config.h"

namespace strata {

// Held until it is destroyed. ABORTED, with what to do, when another process holds the branch.
absl::StatusOr<FileLock> HoldForRun(const Config& config);

// "20251031-104042-3f9a": when the run began, in UTC; the tail counts the 65536ths of the second,
// so that names sort as their runs began. Runs of a branch never begin that close to one another.
RunId NewRunId(std::chrono::system_clock::time_point now);

}  // namespace strata
