// Goal: whoever reaches the port can neither end the run nor keep its ranks from being served.
// Method: raw sockets, oversized messages and streams left open against the real server.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>

#include "absl/strings/numbers.h"
#include "tests/coordinator/service/served_run.h"

namespace strata {
namespace {

using grpc::StatusCode;

// A TCP connection that speaks no gRPC; closed at its end.
class RawConnection {
 public:
  explicit RawConnection(sockaddr_in to) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    open_ = connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  RawConnection(RawConnection&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), open_(other.open_) {}
  ~RawConnection() {
    if (socket_ >= 0) close(socket_);
  }
  bool open() const { return open_; }
  void Send(const std::string& bytes) const {
    [[maybe_unused]] const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

 private:
  int socket_;
  bool open_ = false;
};

class HostilePeerTest : public ServedRun {
 protected:
  sockaddr_in AddressOn(const char* host) const {
    int port = 0;
    const std::string& address = server_->address();
    EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.find(':') + 1), &port)) << address;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, host, &to.sin_addr);
    return to;
  }
  RawConnection Connect() const { return RawConnection(AddressOn("127.0.0.1")); }
};

TEST_F(HostilePeerTest, GarbageLeavesItServing) {
  std::mt19937 random(7);
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (int i = 0; i < 60; ++i) {
    std::string noise(1 + random() % 20'000, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    const RawConnection peer = Connect();
    ASSERT_TRUE(peer.open());
    peer.Send(i % 3 == 0 ? preface + noise : i % 3 == 1 ? "GET / HTTP/1.1\r\n\r\n" : noise);
  }
  ExpectServing();
}

TEST_F(HostilePeerTest, IdleConnectionsLeaveItServing) {
  std::vector<RawConnection> idle;
  for (int i = 0; i < 200; ++i) {
    idle.push_back(Connect());
    ASSERT_TRUE(idle.back().open());
  }
  ExpectServing();
}

TEST_F(HostilePeerTest, AMessageBeyondTheLimitIsRefusedAndTheServerGoesOn) {
  CallingRank rank = JoinAll();
  const HeldRun::Seen before = run_.seen();
  EXPECT_EQ(rank.Fail(std::string(17 << 20, 'x')).error_code(), StatusCode::RESOURCE_EXHAUSTED);
  std::vector<v1::CandidateChunk> stream = rank.StreamOf({1}, 4);
  stream[0].mutable_chunk()->set_data(std::string(17 << 20, 'x'));
  EXPECT_EQ(rank.SendCandidate(stream).error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(run_.seen(), before);
  ExpectServing();
}

TEST_F(HostilePeerTest, AMessageBelowTheLimitIsTaken) {
  CallingRank rank = JoinAll();
  EXPECT_TRUE(rank.Fail(std::string(15 << 20, 'x')).ok());
}

TEST_F(HostilePeerTest, OversizedMessagesWithoutTheTokenReachNothing) {
  CallingRank rank = JoinAll();
  const int submitted = run_.submitted();
  rank.authorization.reset();
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(rank.Fail(std::string(17 << 20, 'x')).ok());
  EXPECT_EQ(run_.submitted(), submitted);
  ExpectServing();
}

TEST_F(HostilePeerTest, StreamsLeftOpenHoldNobodyUp) {
  CallingRank rank = JoinAll();
  v1::SendCandidateReply reply;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientWriter<v1::CandidateChunk>>> open;
  for (int i = 0; i < 20; ++i) {
    contexts.push_back(rank.Context());
    open.push_back(rank.stub().SendCandidate(contexts.back().get(), &reply));
    open.back()->Write(rank.StreamOf(std::vector<float>(kElements), 1 << 20)[0]);
  }
  ExpectServing();
  const auto begin = std::chrono::steady_clock::now();
  server_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  for (const auto& stream : open) EXPECT_FALSE(stream->Finish().ok());
  EXPECT_TRUE(run_.seen().candidates.empty());
}

TEST_F(HostilePeerTest, APeerThatReadsNothingHoldsNobodyUp) {
  CallingRank rank = JoinAll();
  v1::FetchAdapterRequest request;
  *request.mutable_caller() = rank.caller;
  const auto context = rank.Context();
  const auto unread = rank.stub().FetchAdapter(context.get(), request);
  ExpectServing();
  context->TryCancel();
  EXPECT_EQ(unread->Finish().error_code(), StatusCode::CANCELLED);
  ExpectServing();
}

TEST_F(HostilePeerTest, ListensOnLoopbackOnly) {
  EXPECT_EQ(server_->address().find("127.0.0.1:"), 0u);
  EXPECT_FALSE(RawConnection(AddressOn("127.0.0.2")).open());
}

TEST_F(HostilePeerTest, ItsPortIsSharedWithNoOtherServer) {
  HeldRun other_run;
  const auto other = TrainingServer::Start(&other_run, kToken);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NE((*other)->address(), server_->address());
  const int rival = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
  setsockopt(rival, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
  const sockaddr_in taken = AddressOn("127.0.0.1");
  EXPECT_EQ(bind(rival, reinterpret_cast<const sockaddr*>(&taken), sizeof taken), -1);
  EXPECT_EQ(errno, EADDRINUSE);
  close(rival);
}

TEST_F(HostilePeerTest, TheTokenOfAnotherRunOpensNothing) {
  HeldRun other_run;
  const auto other = TrainingServer::Start(&other_run, std::string(32, 'f'));
  ASSERT_TRUE(other.ok()) << other.status();
  CallingRank rank((*other)->address(), 0, "first");
  EXPECT_EQ(rank.Join().error_code(), StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace strata
