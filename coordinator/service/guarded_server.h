// Runs a gRPC service behind a ConnectionGate, with TLS where it can be called from other machines,
// and with bounds on what any peer can make it hold. A door to grpcpp.
// Takes an Access and a service, gives the address and the certificate that workers are told.
//
// Model: a call without the token never reaches the service. Bounds on each connection (streams,
// bytes of a message and of metadata, time of a handshake), on the number of connections
// (connection_gate.h) and on all of them together (memory of what is received, threads).
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/service/access.h"
#include "coordinator/service/connection_gate.h"

namespace grpc {
class Service;
}

namespace strata {

// Of a message that is received. A chunk of an adapter, the largest that is ever sent, has a half.
inline constexpr int kMessageBytesMax = 2 << 20;

class GuardedServer {
 public:
  // Binds and, unless that is loopback, makes sure of a certificate; serves nobody yet. UNAVAILABLE
  // when it can't be bound; errors of OwnCertificate and MakeRunCertificate.
  static absl::StatusOr<std::unique_ptr<GuardedServer>> Bind(Access access);
  // Begins to serve those who have the token; the service calls gate().Admit for each that gets
  // through. `service` outlives this. UNAVAILABLE when gRPC can't be started.
  absl::Status Serve(grpc::Service* service);
  // Ends calls that are under way.
  ~GuardedServer();

  // "127.0.0.1:PORT", as workers are to call it.
  const std::string& address() const { return gate_.socket().address(); }
  // What workers are to trust, as PEM; "" without TLS.
  const std::string& certificate() const { return certificate_; }
  ConnectionGate& gate() { return gate_; }

 private:
  struct Grpc;
  GuardedServer(Access access, ListeningSocket socket);
  Access access_;
  std::string certificate_;
  // In this order: the gate hands over to gRPC's server until it is closed.
  std::unique_ptr<Grpc> grpc_;
  ConnectionGate gate_;
};

}  // namespace strata
