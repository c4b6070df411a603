// Opens the service's tests connections of their own, with the right token at hand.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

namespace strata {

inline constexpr char kToken[] = "0a1b2c3d4e5f0a1b2c3d4e5f0a1b2c3d";

// Where a server is called, and the certificate that is trusted there; "" speaks plaintext.
struct Server {
  std::string address, certificate;
};

// A connection of its own.
inline std::shared_ptr<grpc::Channel> ChannelTo(const Server& server) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  grpc::SslCredentialsOptions trusted;
  trusted.pem_root_certs = server.certificate;
  return grpc::CreateCustomChannel(server.address,
                                   server.certificate.empty() ? grpc::InsecureChannelCredentials()
                                                              : grpc::SslCredentials(trusted),
                                   arguments);
}

}  // namespace strata
