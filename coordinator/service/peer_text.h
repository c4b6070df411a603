// Makes what a peer wrote fit for the run's journal, a log and a terminal.
// Takes a text of a message, gives the service's events their words.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace strata {

// `text`, cut between characters to `bytes_max` bytes with "…" at the end. Control characters,
// which would steer a terminal, are spaces, but for line ends and tabs. REQUIRES: valid UTF-8, as
// Protobuf lets no other through; at least 3 bytes.
std::string PeerText(std::string_view text, size_t bytes_max);

}  // namespace strata
