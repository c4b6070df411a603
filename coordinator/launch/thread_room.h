// Judges whether this process may start as many threads, and map as much memory for them, as a
// coordinator needs: gRPC ends the program where it can't start one. Train asks before it launches.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace strata {

// Judges a limit of address space (RLIMIT_AS). A run of two ranks on two cores maps 1.1 GB
// (measured); each core brings threads of gRPC's, with a stack of 8 MiB and an arena of glibc's of
// 64. UNAVAILABLE when it is too low.
absl::Status JudgeAddressSpace(uint64_t bytes, unsigned cores);

// UNAVAILABLE when the limit of address space is too low, or when threads can't be started; says
// which limit to raise.
absl::Status CheckThreadRoom();

}  // namespace strata
