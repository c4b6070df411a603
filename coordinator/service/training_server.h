// Serves the gRPC Training service of one run. A door to grpcpp.
// Takes workers' calls, gives the core's answers. Handlers decode, ask the RunHost, reply.
//
// Errors: every call without the run's token is UNAUTHENTICATED; see proto/strata/v1/training.proto
// for the rest. What a peer may use up is bounded: guarded_server.h.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/service/access.h"
#include "coordinator/service/run_host.h"

namespace strata {

class TrainingServer {
 public:
  // Listens as `access` says. `host` must outlive the server. UNAVAILABLE when it can't;
  // FAILED_PRECONDITION when the certificate of `access` is no use.
  static absl::StatusOr<std::unique_ptr<TrainingServer>> Start(RunHost* host, Access access);
  // Ends calls that are under way.
  ~TrainingServer();
  // "127.0.0.1:PORT"
  const std::string& address() const;
  // What workers are to trust, as PEM; "" without TLS.
  const std::string& certificate() const;

 private:
  struct Impl;
  TrainingServer();
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata
