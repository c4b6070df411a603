#include "worker/task/run_secrets.h"

#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/posix_file.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr uint64_t kBytesMax = 1 << 20;

std::string Variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? value : "";
}

// The value of `name`, or what is in the file that NAME_FILE names.
absl::StatusOr<std::string> Secret(const std::string& name) {
  std::string value = Variable(name);
  const std::string file = Variable(name + "_FILE");
  if (!value.empty() || file.empty()) return value;
  absl::StatusOr<std::string> content = ReadFile(file, kBytesMax);
  if (!content.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, "_FILE: ", content.status().message(),
                     "; it must name a file that this worker's machine can read"));
  }
  content->erase(content->find_last_not_of(" \t\r\n") + 1);
  return content;
}

bool IsLoopback(const std::string& coordinator) {
  const std::string host = coordinator.substr(0, coordinator.rfind(':'));
  // 127.evil.example is a name.
  const bool number = host.find_first_not_of("0123456789.") == std::string::npos;
  return host == "localhost" || host == "[::1]" || (number && host.starts_with("127."));
}

}  // namespace

absl::StatusOr<RunSecrets> ReadRunSecrets(const std::string& coordinator) {
  RunSecrets secrets;
  ASSIGN_OR_RETURN(secrets.token, Secret("STRATA_TOKEN"));
  ASSIGN_OR_RETURN(secrets.certificate, Secret("STRATA_TLS_CERTIFICATE"));
  if (secrets.token.empty()) {
    return absl::FailedPreconditionError(
        "no token of the run: set STRATA_TOKEN, or STRATA_TOKEN_FILE to a file that holds it");
  }
  if (secrets.certificate.empty() && !IsLoopback(coordinator)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "no certificate to know the coordinator by, and without one the token is sent to nobody "
        "beyond this machine: set STRATA_TLS_CERTIFICATE, or STRATA_TLS_CERTIFICATE_FILE to its "
        "PEM file: ",
        coordinator));
  }
  return secrets;
}

}  // namespace strata
