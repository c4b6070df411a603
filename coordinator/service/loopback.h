// Calls a TrainingServer of this process over loopback, as a worker would: whether this machine
// lets gRPC through. `strata doctor` asks.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"

namespace strata {

struct LoopbackCall {
  std::string address;  // "127.0.0.1:PORT"
  std::chrono::microseconds round_trip{};
};

// One Heartbeat there and back, after one that set the connection up. UNAVAILABLE when no port can
// be had or the call does not arrive within `limit`.
absl::StatusOr<LoopbackCall> CallLoopback(std::chrono::milliseconds limit);

}  // namespace strata
