// Goal: a scrape gets the page, and no peer can harm the run. Method: real connections over
// loopback, well and badly behaved.
#include "coordinator/observe/metrics_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// A connection that is closed at its end.
class Peer {
 public:
  explicit Peer(uint16_t port) : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{30, 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Peer() { close(descriptor_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // What comes until the other side closes.
  std::string Ask(const std::string& request) {
    send(descriptor_, request.data(), request.size(), MSG_NOSIGNAL);
    std::string reply;
    char bytes[4096];
    for (ssize_t got = 0; (got = recv(descriptor_, bytes, sizeof bytes, 0)) > 0;)
      reply.append(bytes, static_cast<size_t>(got));
    return reply;
  }

 private:
  int descriptor_;
};

class MetricsServerTest : public testing::Test {
 protected:
  MetricsServerTest() {
    auto server = MetricsServer::Start({"127.0.0.1", 0}, [] { return "strata_x 1\n"; });
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  std::string Ask(const std::string& line) {
    return Peer(server_->port()).Ask(line + "\r\nHost: x\r\nConnection: close\r\n\r\n");
  }
  std::unique_ptr<MetricsServer> server_;
};

TEST_F(MetricsServerTest, AnswersAScrape) {
  const std::string reply = Ask("GET /metrics HTTP/1.1");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(reply, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(reply, testing::EndsWith("\r\n\r\nstrata_x 1\n"));
  EXPECT_THAT(Ask("GET /metrics?format=x HTTP/1.0"), HasSubstr(" 200 OK"));
}

TEST_F(MetricsServerTest, RefusesEverythingElse) {
  EXPECT_THAT(Ask("GET / HTTP/1.1"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Ask("GET /metrics/../etc HTTP/1.1"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Ask("DELETE /metrics HTTP/1.1"), StartsWith("HTTP/1.1 405"));
}

TEST_F(MetricsServerTest, SurvivesNonsense) {
  for (const std::string& request :
       {std::string("\r\n\r\n\r\n"), std::string(1 << 20, 'A'), std::string("GET"),
        std::string("GET /metrics HTTP/9.9\r\n\r\n"),
        "GET /metrics HTTP/1.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n",
        std::string("\0\xff\0\xff\r\n\r\n", 8)})
    Peer(server_->port()).Ask(request);
  EXPECT_THAT(Ask("GET /metrics HTTP/1.1"), HasSubstr("strata_x 1"));
}

TEST_F(MetricsServerTest, PeersThatSayNothingAreDroppedInTime) {
  std::vector<std::unique_ptr<Peer>> silent;
  for (int i = 0; i < 8; ++i) silent.push_back(std::make_unique<Peer>(server_->port()));
  // As many as the server holds: who comes now waits for the first of them to be dropped.
  EXPECT_THAT(Ask("GET /metrics HTTP/1.1"), HasSubstr("strata_x 1"));
}

TEST_F(MetricsServerTest, EndsWhilePeersHoldOn) {
  Peer silent(server_->port());
  server_.reset();
  EXPECT_EQ(silent.Ask(""), "");
}

TEST_F(MetricsServerTest, APortThatIsTakenIsAnErrorThatSaysSo) {
  const auto second = MetricsServer::Start({"127.0.0.1", server_->port()}, [] { return ""; });
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("metrics_port: cannot listen"));
}

TEST_F(MetricsServerTest, AHostThatDoesNotExistIsOneToo) {
  const auto server = MetricsServer::Start({"203.0.113.1", 1}, [] { return ""; });
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("203.0.113.1:1"));
}

}  // namespace
}  // namespace strata
