#include "coordinator/service/guarded_server.h"

#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/server_credentials.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "common/sha256.h"
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

// Asked when a call's metadata has come and before its message is let in: a message's bound is
// looked at once all of it has come, and would be no bound for who has no token.
class TokenCheck final : public grpc::AuthMetadataProcessor {
 public:
  explicit TokenCheck(const std::string& token) : bearer_("Bearer " + token) {}
  bool IsBlocking() const override { return false; }
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext*, OutputMetadata*,
                       OutputMetadata*) override {
    const auto at = metadata.find("authorization");
    if (at != metadata.end() &&
        EqualInConstantTime({at->second.data(), at->second.size()}, bearer_)) {
      return grpc::Status::OK;
    }
    return {grpc::StatusCode::UNAUTHENTICATED,
            "no token of this run: start workers through strata"};
  }

 private:
  const std::string bearer_;
};

// Local credentials are plaintext that gRPC takes from loopback alone, and that can ask for a
// token.
std::shared_ptr<grpc::ServerCredentials> CredentialsOf(const Access& access) {
  std::shared_ptr<grpc::ServerCredentials> credentials;
  if (access.identity) {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({access.identity->key, access.identity->certificate});
    credentials = grpc::SslServerCredentials(options);
  } else {
    credentials = grpc::experimental::LocalServerCredentials(LOCAL_TCP);
  }
  credentials->SetAuthMetadataProcessor(std::make_shared<TokenCheck>(access.token));
  return credentials;
}

void SetBounds(int ranks, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(kMessageBytesMax);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsMax);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytesMax);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMillisMax);
  // Workers ask every few seconds whether their connection lives.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1'000);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
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
