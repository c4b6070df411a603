// Runs a program to its end and gives what it printed: for questions that a program answers within
// seconds ("mpirun --version"). `strata doctor` asks so.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace strata {

struct ProgramRun {
  bool clean = false;       // exit status 0
  bool timed_out = false;   // killed when its time was up
  std::string how = {};     // "exit status 1", "signal 9"
  std::string output = {};  // stdout and stderr, to 1 MiB
};

// `command` begins with the program's path. It gets no input and a session of its own, which is
// killed at its end or after `limit`. UNAVAILABLE when it can't be started.
absl::StatusOr<ProgramRun> RunProgram(const std::vector<std::string>& command,
                                      std::chrono::milliseconds limit);

}  // namespace strata
