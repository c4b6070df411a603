// Listens for TCP connections and takes them one by one; goes on when descriptors run out. With
// connection.h the door to sockets.
// Takes a host and a port, gives the ConnectionGate its Connections.
//
// Errors: gRPC's own listener is dead for good after one accept without a free descriptor. This one
// keeps a descriptor in reserve: it is given up to take the connection, which is closed, and taken
// again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/service/connection.h"

namespace strata {

class ListeningSocket {
 public:
  // `host`: a name or a number; port 0: any that is free. UNAVAILABLE when it can't be bound.
  static absl::StatusOr<ListeningSocket> Bind(const std::string& host, uint16_t port);
  ~ListeningSocket();
  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&&) = delete;

  // Where others call it, "10.0.0.5:43210" or "[fd00::2]:43210". A socket of all addresses tells
  // the one that the machine's way to other machines goes out from.
  const std::string& address() const { return address_; }
  // It is 127.0.0.1 or ::1, which gRPC knows to be this machine alone.
  bool loopback() const { return loopback_; }
  // What it may be called by: addresses, and the machine's name.
  const std::vector<std::string>& names() const { return names_; }
  int descriptor() const { return descriptor_; }

  // The next connection that waits; none when there is none, or none could be kept.
  std::optional<Connection> Accept();
  // True once, after an Accept that descriptors or memory ran out for: give it a pause.
  bool TakeExhausted();

 private:
  explicit ListeningSocket(int descriptor);
  // Fills in what others call it.
  absl::Status Describe(const std::string& host);
  // Closes a connection that there is no descriptor for, by the one in reserve.
  void TurnAway();
  int descriptor_, reserve_;
  bool loopback_ = true, exhausted_ = false;
  std::string address_;
  std::vector<std::string> names_;
};

// The address that this machine has on a network, as "10.0.0.5". FAILED_PRECONDITION when there is
// no such interface, or it has none.
absl::StatusOr<std::string> AddressOfInterface(const std::string& interface);

}  // namespace strata
