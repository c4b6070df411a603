// Gives the service's tests a TCP connection that speaks no gRPC of its own.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace strata {

// "10.0.0.5:43210" as an address, of IPv4.
inline sockaddr_in AddressOf(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  return to;
}

// Closed at its end.
class RawConnection {
 public:
  // `from`: one of this machine's own addresses, to seem another machine.
  explicit RawConnection(const std::string& address, const std::string& from = "127.0.0.1")
      : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in to = AddressOf(address), here = AddressOf(from + ":0");
    if (from != "127.0.0.1") bind(socket_, reinterpret_cast<const sockaddr*>(&here), sizeof here);
    open_ = connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  RawConnection(RawConnection&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), open_(other.open_) {}
  ~RawConnection() {
    if (socket_ >= 0) close(socket_);
  }
  bool open() const { return open_; }
  void Send(const std::string& bytes) const {
    [[maybe_unused]] const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // Whether the other side ends it within `millis`; what it sends before is thrown away.
  bool EndsWithin(int millis) const {
    for (pollfd watched{socket_, POLLIN, 0}; poll(&watched, 1, millis) > 0;) {
      char thrown_away[4096];
      if (recv(socket_, thrown_away, sizeof thrown_away, 0) <= 0) return true;
    }
    return false;
  }

 private:
  int socket_;
  bool open_ = false;
};

}  // namespace strata
