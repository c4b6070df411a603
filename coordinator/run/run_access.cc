#include "coordinator/run/run_access.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/posix_file.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/config/listen_address.h"
#include "coordinator/service/listening_socket.h"
#include "coordinator/service/run_certificate.h"

namespace strata {
namespace {

constexpr size_t kTokenBytes = 16;
constexpr uint64_t kPemBytesMax = 1 << 20;

absl::StatusOr<std::string> ReadPem(const char* key, const std::filesystem::path& path) {
  absl::StatusOr<std::string> pem = ReadFile(path, kPemBytesMax);
  if (pem.ok()) return pem;
  return absl::FailedPreconditionError(absl::StrCat(key, ": ", pem.status().message()));
}

}  // namespace

absl::StatusOr<Access> NewAccess(const Config& config, bool elsewhere) {
  std::string where = config.listen;
  if (where == "auto") {
    where = elsewhere ? "0.0.0.0" : "127.0.0.1";
    if (elsewhere && !config.network_interface.empty()) {
      ASSIGN_OR_RETURN(where, AddressOfInterface(config.network_interface));
    }
  }
  ASSIGN_OR_RETURN(ListenAddress listen, ParseListenAddress(where));
  Access access;
  access.token = RandomHex(kTokenBytes);
  access.host = std::move(listen.host);
  access.port = listen.port;
  if (config.tls_certificate_file.empty()) return access;
  TlsIdentity identity;
  ASSIGN_OR_RETURN(identity.certificate,
                   ReadPem("tls_certificate_file", config.tls_certificate_file));
  ASSIGN_OR_RETURN(identity.key, ReadPem("tls_key_file", config.tls_key_file));
  RETURN_IF_ERROR(OwnCertificate(identity, std::chrono::system_clock::now()).status());
  access.identity = std::move(identity);
  return access;
}

}  // namespace strata
