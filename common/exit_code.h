// Names the exit codes of both programs (sysexits.h) and maps a Status onto one.
#pragma once

#include "absl/status/status.h"

namespace strata {

enum class ExitCode : int {
  kOk = 0,
  kUsage = 64,        // a command line that cannot be meant
  kData = 65,         // datasets, adapters or model files that cannot be used
  kUnavailable = 69,  // something needed is missing: a program, a device, a file
  kBug = 70,          // our own
  kCantCreate = 73,   // a folder or file could not be written
  kTryAgain = 75,     // interrupted, or another run holds the branch
  kConfig = 78,       // branch.yaml
};

// OK → 0; INVALID_ARGUMENT → usage; DATA_LOSS, OUT_OF_RANGE → data; NOT_FOUND, UNAVAILABLE →
// unavailable; PERMISSION_DENIED, RESOURCE_EXHAUSTED, ALREADY_EXISTS → can't create; ABORTED,
// CANCELLED → try again; FAILED_PRECONDITION → config; the rest → bug.
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace strata
