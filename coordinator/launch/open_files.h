// Judges whether a process may open as many files as a run of some ranks needs. Train asks before
// it launches; doctor says the same.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace strata {

// mpirun needs 32 descriptors and 4 for each rank (measured with Open MPI 4.1.4; with fewer it
// hangs), strata a coordinator's connections beside that.
uint64_t OpenFilesNeeded(int ranks);

// UNAVAILABLE when this process, and so mpirun after it, may open fewer; says how to raise the
// limit.
absl::Status CheckOpenFiles(int ranks);

}  // namespace strata
