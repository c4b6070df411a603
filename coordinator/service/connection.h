// Holds one TCP connection that a peer has opened, until gRPC takes it over; still finds it and
// cuts it off then. With listening_socket.h the door to sockets.
// Made by ListeningSocket, kept by ConnectionGate.
//
// Ownership: a Connection closes its descriptor unless that was handed over. Of one handed over,
// gRPC may close the descriptor at any time and the kernel may give its number to another file, so
// it is known by the socket's inode, which the kernel gives once. A copy of the descriptor is never
// kept: gRPC's epoll would go on telling of a file that gRPC has closed.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace strata {

class Connection {
 public:
  // What can be read of a peer.
  enum class Said { kNothing, kSomething, kGone };

  // REQUIRES: `descriptor` is an open socket, non-blocking. `peer` is what gRPC calls it,
  // "ipv4:10.0.0.5:43210"; `host` what its machine is called.
  Connection(int descriptor, std::string peer, std::string host);
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;

  const std::string& peer() const { return peer_; }
  const std::string& host() const { return host_; }
  std::chrono::steady_clock::time_point since() const { return since_; }
  int descriptor() const { return descriptor_; }

  Said Heard() const;
  // The descriptor, now the caller's; this goes on knowing the connection.
  int HandOver();
  // Whether the connection, handed over or not, is still open here.
  bool IsOpen() const;
  // Ends the connection for both sides; whoever has it sees that and closes it.
  void CutOff() const;

 private:
  void Close();
  int descriptor_;  // -1 when moved from
  bool owned_ = true;
  uint64_t inode_ = 0;
  std::string peer_, host_;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

}  // namespace strata
