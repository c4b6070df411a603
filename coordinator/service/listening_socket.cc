#include "coordinator/service/listening_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/host_name.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr int kBacklog = 1024;
// A peer whose machine or network is gone is noticed within some 30 s.
constexpr int kKeepIdleSeconds = 15, kKeepIntervalSeconds = 5, kKeepProbes = 3;
constexpr unsigned kUnackedMillis = 30'000;

struct Name {
  std::string host;  // as a number
  uint16_t port = 0;
  bool ipv6 = false, loopback = false, wildcard = false;
  std::string WithPort() const {
    return ipv6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
  }
};

Name NameOf(const sockaddr_in& address) {
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  const uint32_t number = ntohl(address.sin_addr.s_addr);
  return {text, ntohs(address.sin_port), false, number == INADDR_LOOPBACK, number == INADDR_ANY};
}

// An IPv4 address that came in by an IPv6 socket is one.
Name NameOf(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) return NameOf(reinterpret_cast<const sockaddr_in&>(storage));
  const auto& address = reinterpret_cast<const sockaddr_in6&>(storage);
  if (IN6_IS_ADDR_V4MAPPED(&address.sin6_addr)) {
    sockaddr_in mapped{};
    mapped.sin_port = address.sin6_port;
    std::memcpy(&mapped.sin_addr, &address.sin6_addr.s6_addr[12], 4);
    Name name = NameOf(mapped);
    name.loopback = false;
    return name;
  }
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text);
  Name name{text, ntohs(address.sin6_port), true, IN6_IS_ADDR_LOOPBACK(&address.sin6_addr) != 0,
            IN6_IS_ADDR_UNSPECIFIED(&address.sin6_addr) != 0};
  if (address.sin6_scope_id != 0) absl::StrAppend(&name.host, "%", address.sin6_scope_id);
  return name;
}

// As gRPC calls a peer: brackets and percent signs are written as in a URI.
std::string PeerOf(const Name& name) {
  if (!name.ipv6) return absl::StrCat("ipv4:", name.WithPort());
  std::string host;
  for (const char c : name.host) absl::StrAppend(&host, c == '%' ? "%25" : std::string(1, c));
  return absl::StrCat("ipv6:%5B", host, "%5D:", name.port);
}

absl::StatusOr<Name> BoundName(int descriptor) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &size) != 0)
    return absl::UnavailableError(absl::StrCat("getsockname: ", std::strerror(errno)));
  return NameOf(bound);
}

// Of the interface of that name or, for "", of the first that is up and leads to other machines; ""
// when it has none. IPv4 before IPv6.
std::string AddressOf(const std::string& interface) {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return "";
  std::string found;
  for (const int family : {AF_INET, AF_INET6}) {
    for (const ifaddrs* at = all; at != nullptr && found.empty(); at = at->ifa_next) {
      const bool meant = interface.empty()
                             ? (at->ifa_flags & IFF_UP) != 0 && (at->ifa_flags & IFF_LOOPBACK) == 0
                             : interface == at->ifa_name;
      if (!meant || at->ifa_addr == nullptr || at->ifa_addr->sa_family != family) continue;
      sockaddr_storage address{};
      std::memcpy(&address, at->ifa_addr,
                  family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
      const absl::StatusOr<Name> name = NameOf(address);
      if (name.ok()) found = name->host;
    }
  }
  freeifaddrs(all);
  return found;
}

// The address that a packet to another machine would leave from; nothing is sent. Hosts of a
// cluster may have no way to all the world: then that of their first network. "" without any.
std::string AddressTowardsOthers() {
  const int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in other{};
  other.sin_family = AF_INET;
  other.sin_port = htons(9);
  inet_pton(AF_INET, "203.0.113.1", &other.sin_addr);  // of no machine: RFC 5737
  std::string host;
  if (probe >= 0 && connect(probe, reinterpret_cast<sockaddr*>(&other), sizeof other) == 0) {
    const absl::StatusOr<Name> name = BoundName(probe);
    if (name.ok()) host = name->host;
  }
  if (probe >= 0) close(probe);
  return host.empty() ? AddressOf("") : host;
}

void Prepare(int connection) {
  const int yes = 1;
  setsockopt(connection, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  setsockopt(connection, IPPROTO_TCP, TCP_KEEPIDLE, &kKeepIdleSeconds, sizeof kKeepIdleSeconds);
  setsockopt(connection, IPPROTO_TCP, TCP_KEEPINTVL, &kKeepIntervalSeconds,
             sizeof kKeepIntervalSeconds);
  setsockopt(connection, IPPROTO_TCP, TCP_KEEPCNT, &kKeepProbes, sizeof kKeepProbes);
  setsockopt(connection, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnackedMillis, sizeof kUnackedMillis);
}

int OpenReserve() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

// A socket that listens on `at`, or -1 with errno.
int ListenOn(const addrinfo& at) {
  const int listener = socket(at.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return -1;
  const int yes = 1, no = 0;
  // Lets a port that was in use a moment ago be bound; never one that somebody listens on.
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (at.ai_family == AF_INET6) setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
  if (bind(listener, at.ai_addr, at.ai_addrlen) == 0 && listen(listener, kBacklog) == 0)
    return listener;
  const int why = errno;
  close(listener);
  errno = why;
  return -1;
}

absl::Status CannotListen(const std::string& host, uint16_t port, const char* why) {
  return absl::UnavailableError(absl::StrCat(
      "cannot listen on ", host, port == 0 ? "" : absl::StrCat(" port ", port), ": ", why,
      "; correct listen in branch.yaml (without a port, any that is free is taken), or look at the "
      "limits of ports and descriptors (ulimit -n)"));
}

}  // namespace

ListeningSocket::ListeningSocket(int descriptor)
    : descriptor_(descriptor), reserve_(OpenReserve()) {}

ListeningSocket::~ListeningSocket() {
  if (descriptor_ >= 0) close(descriptor_);
  if (reserve_ >= 0) close(reserve_);
}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      reserve_(std::exchange(other.reserve_, -1)),
      loopback_(other.loopback_),
      exhausted_(other.exhausted_),
      address_(std::move(other.address_)),
      names_(std::move(other.names_)) {}

absl::StatusOr<std::string> AddressOfInterface(const std::string& interface) {
  std::string address = AddressOf(interface);
  if (!address.empty()) return address;
  return absl::FailedPreconditionError(
      absl::StrCat("network_interface: this machine has no address on ", interface,
                   "; `ip address` lists what there is"));
}

absl::StatusOr<ListeningSocket> ListeningSocket::Bind(const std::string& host, uint16_t port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  const std::string service = std::to_string(port);
  if (const int error = getaddrinfo(host.c_str(), service.c_str(), &hints, &found); error != 0)
    return CannotListen(host, port, gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> freed(found, &freeaddrinfo);
  int why = EADDRNOTAVAIL;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    const int listener = ListenOn(*at);
    why = errno;
    if (listener < 0) continue;
    ListeningSocket socket(listener);
    RETURN_IF_ERROR(socket.Describe(host));
    return socket;
  }
  return CannotListen(host, port, std::strerror(why));
}

absl::Status ListeningSocket::Describe(const std::string& host) {
  ASSIGN_OR_RETURN(Name name, BoundName(descriptor_));
  loopback_ = name.loopback;
  if (name.wildcard) {
    const std::string towards_others = AddressTowardsOthers();
    name.host = towards_others.empty() ? "127.0.0.1" : towards_others;
    name.ipv6 = false;
  }
  address_ = name.WithPort();
  names_ = {name.host, HostName(), host, "localhost", "127.0.0.1", "::1"};
  return absl::OkStatus();
}

std::optional<Connection> ListeningSocket::Accept() {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  const int accepted =
      accept4(descriptor_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (accepted >= 0) {
    Prepare(accepted);
    const Name name = NameOf(peer);
    return Connection(accepted, PeerOf(name), name.host);
  }
  if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) TurnAway();
  return std::nullopt;
}

void ListeningSocket::TurnAway() {
  exhausted_ = true;
  if (reserve_ >= 0) close(reserve_);
  const int refused = accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC);
  if (refused >= 0) close(refused);
  reserve_ = OpenReserve();
}

bool ListeningSocket::TakeExhausted() { return std::exchange(exhausted_, false); }

}  // namespace strata
