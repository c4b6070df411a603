// Answers GET /metrics over HTTP for a Prometheus that scrapes a run. The door to libmicrohttpd.
// Takes a ListenAddress and where a page comes from.
//
// Threads: one of the library's own asks for pages and answers; nothing of the run waits for it.
// Invariants: at most 8 connections at once, 16 KiB of memory each; a request that stands still for
// 5 s is dropped. Nothing is read but the request's head, and every other path or method gets an
// error.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/config/listen_address.h"

struct MHD_Daemon;

namespace strata {

class MetricsServer {
 public:
  // `page` is called from the server's thread and must return at once. UNAVAILABLE when the address
  // can't be bound, with what to do.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(const ListenAddress& address,
                                                              std::function<std::string()> page);
  // Ends its connections.
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  const std::function<std::string()>& page() const { return page_; }
  // The one that it was given, or the one that was free.
  uint16_t port() const;

 private:
  explicit MetricsServer(std::function<std::string()> page) : page_(std::move(page)) {}
  const std::function<std::string()> page_;
  MHD_Daemon* daemon_ = nullptr;
};

}  // namespace strata
