// Says who may reach a run's service: where it listens, with which token and certificate.
// Made from the Config (coordinator/run/run_access.h), taken by the TrainingServer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace strata {

// What a server shows of itself. Never on a command line, in a log or in a file of the run.
struct TlsIdentity {
  std::string certificate;  // PEM: its own certificate first, then those that lead to its authority
  std::string key;          // PEM
};

struct Access {
  std::string token;                         // that every call must carry
  std::string host = "127.0.0.1";            // a name or a number; any but 127.0.0.1 and ::1: TLS
  uint16_t port = 0;                         // 0: any that is free
  std::optional<TlsIdentity> identity = {};  // of the user; without it TLS has one of the run's own
  int ranks = 1;                             // that connections are counted for
};

}  // namespace strata
