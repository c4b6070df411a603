// Reads where the coordinator listens, as branch.yaml has it: HOST or HOST:PORT.
// Takes a text, gives a ListenAddress; whether the host exists is found out when it is bound.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace strata {

struct ListenAddress {
  std::string host;   // a name or a number, without brackets
  uint16_t port = 0;  // 0: any that is free
  bool operator==(const ListenAddress&) const = default;
};

// "10.0.0.5", "trainer:50051", "0.0.0.0", "::", "[fd00::2]:50051". INVALID_ARGUMENT, as the rest of
// a sentence ("must be …"), for anything else.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

// Where a run's metrics are read: "0" is nowhere (port 0), "9101" a port of loopback; else as above
// with a port. INVALID_ARGUMENT likewise.
absl::StatusOr<ListenAddress> ParseMetricsAddress(std::string_view text);

}  // namespace strata
