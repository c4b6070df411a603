// Reads what lets a worker in to its run: the token, and the certificate of the coordinator. They
// come by the environment or by files, never by a command line.
// Takes the environment, gives the CoordinatorClient its RunSecrets.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace strata {

struct RunSecrets {
  std::string token;
  std::string certificate;  // PEM of the one to trust; "" speaks plaintext
};

// From STRATA_TOKEN, else the file that STRATA_TOKEN_FILE names (without the white space at its
// end); from STRATA_TLS_CERTIFICATE, else STRATA_TLS_CERTIFICATE_FILE. FAILED_PRECONDITION when
// there is no token, when a file can't be read, or when `coordinator` ("HOST:PORT") is not loopback
// and there is no certificate: the token would go there for everyone to read.
absl::StatusOr<RunSecrets> ReadRunSecrets(const std::string& coordinator);

}  // namespace strata
