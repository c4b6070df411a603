// Serves the gRPC Training service of one run on a loopback port. The coordinator's door to grpcpp.
// Takes workers' calls, gives the core's answers. Handlers decode, ask the RunHost, reply.
//
// Errors: every call without the run's token is UNAUTHENTICATED; see proto/strata/v1/training.proto
// for the rest.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/service/run_host.h"

namespace strata {

class TrainingServer {
 public:
  // Listens on a free port of 127.0.0.1. `host` must outlive the server. UNAVAILABLE when no port
  // can be had.
  static absl::StatusOr<std::unique_ptr<TrainingServer>> Start(RunHost* host, std::string token);
  // Ends calls that are under way.
  ~TrainingServer();
  // "127.0.0.1:PORT"
  const std::string& address() const { return address_; }

 private:
  struct Impl;
  TrainingServer();
  std::unique_ptr<Impl> impl_;
  std::string address_;
};

}  // namespace strata
