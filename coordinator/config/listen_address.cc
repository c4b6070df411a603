#include "coordinator/config/listen_address.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

constexpr size_t kHostBytesMax = 253;  // of a name in the DNS

absl::Status Unusable(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("must be HOST or HOST:PORT (a port from 1 to 65535; IPv6 as [::1]:PORT), is ",
                   absl::string_view(text.data(), text.size())));
}

bool IsHost(std::string_view host) {
  return !host.empty() && host.size() <= kHostBytesMax &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_' || c == ':';
         });
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text) {
  const bool bracketed = text.starts_with('[');
  const size_t end_of_host = bracketed ? text.find(']') : text.find(':');
  const bool bare_ipv6 = !bracketed && std::count(text.begin(), text.end(), ':') > 1;
  if (bracketed && end_of_host == std::string_view::npos) return Unusable(text);
  ListenAddress address;
  std::string_view rest;
  if (bare_ipv6) {
    address.host = text;
  } else {
    address.host = text.substr(bracketed, end_of_host - bracketed);
    if (end_of_host != std::string_view::npos) rest = text.substr(end_of_host + bracketed);
  }
  if (!IsHost(address.host)) return Unusable(text);
  if (rest.empty()) return address;
  const char* const end = rest.data() + rest.size();
  const auto [read, error] = std::from_chars(rest.data() + 1, end, address.port);
  if (rest[0] != ':' || error != std::errc() || read != end || address.port == 0)
    return Unusable(text);
  return address;
}

absl::StatusOr<ListenAddress> ParseMetricsAddress(std::string_view text) {
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  if (text == "0") return ListenAddress{"127.0.0.1", 0};
  const std::string whole = digits ? "127.0.0.1:" + std::string(text) : std::string(text);
  absl::StatusOr<ListenAddress> address = ParseListenAddress(whole);
  if (address.ok() && address->port != 0) return address;
  return absl::InvalidArgumentError(absl::StrCat(
      "must be 0 (off), PORT of this machine alone, or HOST:PORT (a port from 1 to 65535; IPv6 as "
      "[::1]:PORT), is ",
      absl::string_view(text.data(), text.size())));
}

}  // namespace strata
