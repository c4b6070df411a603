// Opens a worker's connection to its coordinator: how it is secured, kept alive and opened again.
// Used by the CoordinatorClient.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

namespace strata {

// `coordinator`: HOST:PORT. `certificate`: PEM of the one that is trusted there, whatever name the
// coordinator is reached under; "" speaks plaintext.
std::shared_ptr<grpc::Channel> ChannelTo(const std::string& coordinator,
                                         const std::string& certificate);

}  // namespace strata
