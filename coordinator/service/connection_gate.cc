#include "coordinator/service/connection_gate.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

constexpr std::chrono::milliseconds kTick{500};
constexpr std::chrono::milliseconds kPause{20};  // when descriptors have run out
constexpr int kAcceptedAtOnce = 64;              // before those who have spoken are looked at again
constexpr size_t kStrangersBeside = 64, kMembersBeside = 16, kMembersPerRank = 4;

// Who gives up a place: the oldest of the machine that has most. REQUIRES: not empty.
std::deque<Connection>::iterator OldestOfTheMany(std::deque<Connection>& connections) {
  std::unordered_map<std::string, size_t> of_host;
  size_t most = 0;
  for (const Connection& connection : connections)
    most = std::max(most, ++of_host[connection.host()]);
  return std::find_if(connections.begin(), connections.end(), [&](const Connection& connection) {
    return of_host[connection.host()] == most;
  });
}

}  // namespace

GateLimits LimitsFor(int ranks) {
  GateLimits limits;
  limits.strangers_max = kStrangersBeside + static_cast<size_t>(ranks);
  limits.members_max = kMembersBeside + kMembersPerRank * static_cast<size_t>(ranks);
  return limits;
}

ConnectionGate::ConnectionGate(ListeningSocket socket, GateLimits limits)
    : socket_(std::move(socket)), limits_(limits) {}

ConnectionGate::~ConnectionGate() { Close(); }

void ConnectionGate::Close() {
  if (wake_ < 0) return;
  eventfd_write(wake_, 1);
  if (thread_.joinable()) thread_.join();
  close(wake_);
  wake_ = -1;
}

absl::Status ConnectionGate::Open(std::function<void(int)> hand_over) {
  hand_over_ = std::move(hand_over);
  wake_ = eventfd(0, EFD_CLOEXEC);
  if (wake_ < 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no descriptor to listen with: ", std::strerror(errno), "; raise ulimit -n"));
  }
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void ConnectionGate::Admit(const std::string& peer) {
  const std::lock_guard lock(mutex_);
  if (members_.contains(peer) || members_.size() >= limits_.members_max) return;
  const auto at = std::find_if(strangers_.begin(), strangers_.end(),
                               [&](const Connection& stranger) { return stranger.peer() == peer; });
  if (at == strangers_.end()) return;
  members_.emplace(peer, std::move(*at));
  strangers_.erase(at);
}

ConnectionGate::Counts ConnectionGate::counts() const {
  const std::lock_guard lock(mutex_);
  return {silent_count_, strangers_.size(), members_.size()};
}

void ConnectionGate::Run() {
  while (Wait()) {
    AcceptAll();
    if (const Clock::time_point now = Clock::now(); now - swept_ >= kTick) {
      swept_ = now;
      Sweep(now);
    }
    if (socket_.TakeExhausted()) std::this_thread::sleep_for(kPause);
    const std::lock_guard lock(mutex_);
    silent_count_ = silent_.size();
  }
}

bool ConnectionGate::Wait() {
  std::vector<pollfd> watched = {{wake_, POLLIN, 0}, {socket_.descriptor(), POLLIN, 0}};
  const size_t others = watched.size();
  for (const Connection& connection : silent_)
    watched.push_back({connection.descriptor(), POLLIN, 0});
  poll(watched.data(), watched.size(), static_cast<int>(kTick.count()));
  if (watched[0].revents != 0) return false;
  std::vector<size_t> stirred;
  for (size_t i = others; i < watched.size(); ++i) {
    if (watched[i].revents != 0) stirred.push_back(i - others);
  }
  Hear(stirred);
  return true;
}

void ConnectionGate::AcceptAll() {
  for (int i = 0; i < kAcceptedAtOnce; ++i) {
    std::optional<Connection> accepted = socket_.Accept();
    if (!accepted) return;
    silent_.push_back(*std::move(accepted));
    if (silent_.size() > limits_.silent_max) silent_.erase(OldestOfTheMany(silent_));
  }
}

void ConnectionGate::Hear(const std::vector<size_t>& stirred) {
  // From the last, so that the places before it stay what they are.
  for (auto place = stirred.rbegin(); place != stirred.rend(); ++place) {
    const auto at = silent_.begin() + static_cast<std::ptrdiff_t>(*place);
    const Connection::Said said = at->Heard();
    if (said == Connection::Said::kNothing) continue;
    Connection connection = std::move(*at);
    silent_.erase(at);
    if (said == Connection::Said::kSomething) AddStranger(std::move(connection));
  }
}

void ConnectionGate::AddStranger(Connection connection) {
  const int descriptor = connection.HandOver();
  {
    const std::lock_guard lock(mutex_);
    // A peer that calls again from a port has left what it had there.
    members_.erase(connection.peer());
    strangers_.push_back(std::move(connection));
    if (strangers_.size() > limits_.strangers_max) {
      const auto leaving = OldestOfTheMany(strangers_);
      leaving->CutOff();
      strangers_.erase(leaving);
    }
  }
  hand_over_(descriptor);
}

void ConnectionGate::Sweep(Clock::time_point now) {
  std::erase_if(silent_, [&](const Connection& connection) {
    return now - connection.since() > limits_.silence_max;
  });
  const std::lock_guard lock(mutex_);
  std::erase_if(strangers_, [&](const Connection& connection) {
    if (!connection.IsOpen()) return true;
    if (now - connection.since() <= limits_.strangeness_max) return false;
    connection.CutOff();
    return true;
  });
  std::erase_if(members_, [](const auto& member) { return !member.second.IsOpen(); });
}

}  // namespace strata
