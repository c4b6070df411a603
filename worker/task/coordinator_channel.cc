#include "worker/task/coordinator_channel.h"

#include <grpcpp/security/tls_credentials_options.h>

namespace strata {
namespace {

constexpr int kReconnectMillis = 200, kReconnectMillisMax = 5000;

// Trusts the one certificate of the run, whatever name the coordinator is reached under.
std::shared_ptr<grpc::ChannelCredentials> CredentialsFor(const std::string& certificate) {
  if (certificate.empty()) return grpc::InsecureChannelCredentials();
  namespace tls = grpc::experimental;
  tls::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<tls::StaticDataCertificateProvider>(certificate));
  options.watch_root_certs();
  options.set_certificate_verifier(std::make_shared<tls::NoOpCertificateVerifier>());
  options.set_check_call_host(false);
  return tls::TlsCredentials(options);
}

}  // namespace

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& coordinator,
                                         const std::string& certificate) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMillis);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMillisMax);
  // By default a connection is waited for twenty seconds, and one that died without a word is kept:
  // both outlast the lease.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);  // until a connection must stand
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 4'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 6'000);
  arguments.SetMaxReceiveMessageSize(64 << 20);
  return grpc::CreateCustomChannel(coordinator, CredentialsFor(certificate), arguments);
}

}  // namespace strata
