#include "coordinator/service/guarded_server.h"

#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "common/status_macros.h"
#include "coordinator/service/run_certificate.h"

namespace strata {
namespace {

using ExternalConnections = grpc::ServerBuilder::experimental_type::ExternalConnectionType;

constexpr int kStreamsMax = 8;  // of a connection at once; a rank has four at most
constexpr int kMetadataBytesMax = 8 << 10;
constexpr int kHandshakeMillisMax = 10'000;
// Of what is received and not yet taken: a rank sends little but rank 0's candidate.
constexpr size_t kReceivedBytes = size_t{256} << 20, kReceivedBytesPerRank = size_t{8} << 20;
constexpr int kThreads = 64, kThreadsPerRank = 8;
constexpr std::chrono::seconds kEndMax{2};

// What a stranger does wrong is no news: its lines would fill the user's terminal.
void Hush() {
  if (std::getenv("GRPC_VERBOSITY") != nullptr) return;
  gpr_set_log_function([](gpr_log_func_args* line) {
    const bool is_last_word = std::strstr(line->message, "assertion failed") != nullptr;
    if (is_last_word)
      std::fprintf(stderr, "gRPC: %s:%d: %s\n", line->file, line->line, line->message);
  });
}

std::shared_ptr<grpc::ServerCredentials> CredentialsOf(const Access& access) {
  if (!access.identity) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({access.identity->key, access.identity->certificate});
  return grpc::SslServerCredentials(options);
}

void SetBounds(int ranks, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(kMessageBytesMax);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsMax);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytesMax);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMillisMax);
  // A message's bound is of what comes over the wire: a compressed one would be let grow beyond.
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder->AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  grpc::ResourceQuota quota("strata");
  quota.Resize(kReceivedBytes + kReceivedBytesPerRank * static_cast<size_t>(ranks));
  quota.SetMaxThreads(kThreads + kThreadsPerRank * ranks);
  builder->SetResourceQuota(quota);
}

}  // namespace

struct GuardedServer::Grpc {
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  std::unique_ptr<grpc::Server> server;
};

GuardedServer::GuardedServer(Access access, ListeningSocket socket)
    : access_(std::move(access)),
      grpc_(std::make_unique<Grpc>()),
      gate_(std::move(socket), LimitsFor(access_.ranks)) {}

GuardedServer::~GuardedServer() {
  gate_.Close();
  if (grpc_->server != nullptr) grpc_->server->Shutdown(std::chrono::system_clock::now() + kEndMax);
}

absl::StatusOr<std::unique_ptr<GuardedServer>> GuardedServer::Bind(Access access) {
  ASSIGN_OR_RETURN(ListeningSocket socket, ListeningSocket::Bind(access.host, access.port));
  const auto now = std::chrono::system_clock::now();
  if (!socket.loopback() && !access.identity) {
    ASSIGN_OR_RETURN(access.identity, MakeRunCertificate(socket.names(), now));
  }
  std::string certificate;
  if (access.identity) {
    ASSIGN_OR_RETURN(certificate, OwnCertificate(*access.identity, now));
  }
  std::unique_ptr<GuardedServer> bound(new GuardedServer(std::move(access), std::move(socket)));
  bound->certificate_ = std::move(certificate);
  return bound;
}

absl::Status GuardedServer::Serve(grpc::Service* service) {
  // Held for the life of the process: when gRPC's last user goes, it joins a poller of its own that
  // may sleep for ten seconds yet, and the run's report would wait for it.
  grpc_init();
  Hush();
  grpc::ServerBuilder builder;
  SetBounds(access_.ranks, &builder);
  grpc_->acceptor = builder.experimental().AddExternalConnectionAcceptor(
      ExternalConnections::FROM_FD, CredentialsOf(access_));
  builder.RegisterService(service);
  grpc_->server = builder.BuildAndStart();
  if (grpc_->server == nullptr) {
    return absl::UnavailableError(
        "cannot start the service for the workers: check the limits of descriptors and threads "
        "(ulimit -n, ulimit -u), and the certificate if branch.yaml names one");
  }
  return gate_.Open([this](int descriptor) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.listener_fd = gate_.socket().descriptor();
    connection.fd = descriptor;
    grpc_->acceptor->HandleNewConnection(&connection);
  });
}

}  // namespace strata
