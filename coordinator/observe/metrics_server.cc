#include "coordinator/observe/metrics_server.h"

#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

constexpr unsigned kConnectionsMax = 8;
constexpr unsigned kIdleSecondsMax = 5;
constexpr size_t kConnectionBytesMax = 16 << 10;
constexpr char kPath[] = "/metrics";

absl::Status CannotListen(const ListenAddress& address, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("metrics_port: cannot listen at ", address.host, ":",
                                             address.port, ": ", why,
                                             "; the run goes on without it; free the port or name "
                                             "another one"));
}

MHD_Result Reply(MHD_Connection* connection, unsigned code, const std::string& text,
                 const char* type) {
  MHD_Response* const response = MHD_create_response_from_buffer(
      text.size(), const_cast<char*>(text.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
  if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
    MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  const MHD_Result queued = MHD_queue_response(connection, code, response);
  MHD_destroy_response(response);
  return queued;
}

MHD_Result Answer(void* server, MHD_Connection* connection, const char* url, const char* method,
                  const char*, const char*, size_t*, void**) try {
  const std::string_view asked = method;
  constexpr char kPlain[] = "text/plain; charset=utf-8";
  if (asked != "GET" && asked != "HEAD")
    return Reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n", kPlain);
  if (std::string_view(url) != kPath)
    return Reply(connection, MHD_HTTP_NOT_FOUND, "the metrics are at /metrics\n", kPlain);
  return Reply(connection, MHD_HTTP_OK, static_cast<MetricsServer*>(server)->page()(),
               "text/plain; version=0.0.4; charset=utf-8");
} catch (const std::exception&) {
  // No memory: the connection is closed, the run goes on.
  return MHD_NO;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const ListenAddress& address, std::function<std::string()> page) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  const int resolved =
      getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (resolved != 0) return CannotListen(address, gai_strerror(resolved));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, &freeaddrinfo);
  std::unique_ptr<MetricsServer> server(new MetricsServer(std::move(page)));
  const unsigned family = found->ai_family == AF_INET6 ? MHD_USE_IPv6 : MHD_NO_FLAG;
  errno = 0;
  server->daemon_ = MHD_start_daemon(
      MHD_USE_AUTO_INTERNAL_THREAD | family, address.port, nullptr, nullptr, &Answer, server.get(),
      MHD_OPTION_SOCK_ADDR, found->ai_addr, MHD_OPTION_CONNECTION_LIMIT, kConnectionsMax,
      MHD_OPTION_CONNECTION_TIMEOUT, kIdleSecondsMax, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      kConnectionBytesMax, MHD_OPTION_END);
  if (server->daemon_ == nullptr) {
    const int why = errno;
    return CannotListen(address, why != 0 ? std::strerror(why) : "it is in use");
  }
  return server;
}

MetricsServer::~MetricsServer() {
  if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
}

uint16_t MetricsServer::port() const {
  const MHD_DaemonInfo* const info = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_BIND_PORT);
  return info != nullptr ? info->port : 0;
}

}  // namespace strata
