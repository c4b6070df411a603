// Makes the certificate of one run, and examines one that the user brings. A door to OpenSSL.
// Gives the server its TlsIdentity, and workers the one certificate that they trust.
//
// Model: a worker trusts exactly one certificate, which it has from its environment beside the
// token: not whoever an authority has signed, and whatever name the server is reached under.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/service/access.h"

namespace strata {

// A self-signed certificate (EC P-256) for a server that is reached under `names`: host names and
// numbers; a name that no certificate can hold is left out. Valid from two days before `now`, for
// machines whose clocks are behind, to a year after. Its key is in memory alone.
absl::StatusOr<TlsIdentity> MakeRunCertificate(const std::vector<std::string>& names,
                                               std::chrono::system_clock::time_point now);

// The server's own certificate of `identity` as PEM, alone. FAILED_PRECONDITION, saying what to
// put right, when there is none, the key is not its own or can't be read, or `now` is outside the
// time it is valid for.
absl::StatusOr<std::string> OwnCertificate(const TlsIdentity& identity,
                                           std::chrono::system_clock::time_point now);

}  // namespace strata
