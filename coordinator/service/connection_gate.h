// Lets connections in to the gRPC server, and keeps those who have no token from using up what
// those who have need: descriptors, memory, time. Takes a ListeningSocket, gives gRPC descriptors.
//
// Model: a connection begins silent: accepted, and known to nobody else. With its first byte it is
// handed to gRPC and is a stranger; with the first call that carries the token it is a member. Each
// class has its own number of places, so that 5,000 silent connections cost the ranks nothing: they
// speak at once. A newcomer always gets a place, and takes it from the oldest of the machine that
// has most in the class. Silent ones and strangers have it for a time only; a member keeps it.
// A call with the token when the members' places are taken leaves its connection a stranger.
//
// Threads: one of its own, from Open to Close. Admit may be called from any.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include "absl/status/status.h"
#include "coordinator/service/connection.h"
#include "coordinator/service/listening_socket.h"

namespace strata {

struct GateLimits {
  size_t silent_max = 256;
  size_t strangers_max = 64;
  size_t members_max = 16;
  std::chrono::milliseconds silence_max{10'000};      // from a connection to its first byte
  std::chrono::milliseconds strangeness_max{20'000};  // from a connection to the token
};

// For a run of so many ranks, each of which has one connection, and rarely a second after a fault.
GateLimits LimitsFor(int ranks);

class ConnectionGate {
 public:
  ConnectionGate(ListeningSocket socket, GateLimits limits);
  ~ConnectionGate();
  ConnectionGate(const ConnectionGate&) = delete;
  ConnectionGate& operator=(const ConnectionGate&) = delete;

  const ListeningSocket& socket() const { return socket_; }
  // Begins to let in: `hand_over` gets each descriptor, which is its own then, from the gate's
  // thread. RESOURCE_EXHAUSTED when there is no descriptor to be woken by. REQUIRES: called once.
  absl::Status Open(std::function<void(int descriptor)> hand_over);
  // Stops letting in for good; when it returns, nothing is handed over any more. Who is in stays.
  void Close();
  // The peer, called as gRPC does, has shown the token.
  void Admit(const std::string& peer);

  struct Counts {
    size_t silent = 0, strangers = 0, members = 0;
  };
  Counts counts() const;

 private:
  using Clock = std::chrono::steady_clock;
  void Run();
  // Waits until somebody connects, a silent one speaks, or some time has passed; hands over who
  // spoke. False once the gate is to close.
  bool Wait();
  void AcceptAll();
  // Hands over those of the silent at these places that have spoken, closes those that have gone.
  void Hear(const std::vector<size_t>& stirred);
  // Takes a place among the strangers, from another when none is free.
  void AddStranger(Connection connection);
  // Forgets connections that have gone, ends those whose time is over.
  void Sweep(Clock::time_point now);

  ListeningSocket socket_;
  const GateLimits limits_;
  std::function<void(int)> hand_over_;
  int wake_ = -1;                  // readable once the gate is to close
  std::deque<Connection> silent_;  // the oldest first; of the gate's thread
  Clock::time_point swept_{};
  mutable std::mutex mutex_;
  size_t silent_count_ = 0;                              // guarded by mutex_
  std::deque<Connection> strangers_;                     // the oldest first; guarded by mutex_
  std::unordered_map<std::string, Connection> members_;  // by peer; guarded by mutex_
  std::thread thread_;
};

}  // namespace strata
