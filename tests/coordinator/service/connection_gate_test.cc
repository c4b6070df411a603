// Goal: who has no token can't keep out who has one, whatever they open. Method: real sockets; the
// gate hands over to a list in place of gRPC.
#include "coordinator/service/connection_gate.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "gmock/gmock.h"
#include "tests/coordinator/service/raw_connection.h"

namespace strata {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class ConnectionGateTest : public testing::Test {
 protected:
  ~ConnectionGateTest() override {
    gate_.reset();
    for (const int descriptor : handed_) close(descriptor);
  }
  void Open(const GateLimits& limits) {
    absl::StatusOr<ListeningSocket> socket = ListeningSocket::Bind("127.0.0.1", 0);
    ASSERT_TRUE(socket.ok()) << socket.status();
    gate_ = std::make_unique<ConnectionGate>(*std::move(socket), limits);
    const absl::Status opened = gate_->Open([this](int descriptor) {
      const std::lock_guard lock(mutex_);
      handed_.push_back(descriptor);
    });
    ASSERT_TRUE(opened.ok()) << opened;
  }
  RawConnection Connect(const std::string& from = "127.0.0.1") const {
    return RawConnection(gate_->socket().address(), from);
  }
  std::vector<RawConnection> ConnectSilently(int count) const {
    std::vector<RawConnection> silent;
    for (int i = 0; i < count; ++i) silent.push_back(Connect());
    return silent;
  }
  // A connection that has been handed over; `peer` is what gRPC would call it.
  RawConnection Speak(std::string* peer = nullptr, const std::string& from = "127.0.0.1") {
    const size_t before = handed();
    RawConnection speaking = Connect(from);
    speaking.Send("x");
    EXPECT_TRUE(Until([&] { return handed() > before; }));
    if (peer != nullptr) *peer = PeerOfLast();
    return speaking;
  }
  template <typename Condition>
  bool Until(Condition condition) const {
    for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(milliseconds(10));
    return condition();
  }
  size_t handed() const {
    const std::lock_guard lock(mutex_);
    return handed_.size();
  }
  std::string PeerOfLast() const {
    const std::lock_guard lock(mutex_);
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    getpeername(handed_.back(), reinterpret_cast<sockaddr*>(&peer), &size);
    return "ipv4:127.0.0.1:" + std::to_string(ntohs(peer.sin_port));
  }
  void CloseLast() {
    const std::lock_guard lock(mutex_);
    close(handed_.back());
    handed_.pop_back();
  }
  size_t OpenOf(const std::vector<RawConnection>& connections) const {
    return std::count_if(connections.begin(), connections.end(),
                         [](const RawConnection& one) { return !one.EndsWithin(0); });
  }

  mutable std::mutex mutex_;
  std::vector<int> handed_;  // guarded by mutex_
  std::unique_ptr<ConnectionGate> gate_;
};

TEST_F(ConnectionGateTest, HandsOverWhoSpeaksAndNobodyElse) {
  Open({});
  const std::vector<RawConnection> silent = ConnectSilently(20);
  const RawConnection speaking = Speak();
  EXPECT_TRUE(Until([&] { return gate_->counts().silent == 20; }));
  EXPECT_EQ(handed(), 1u);
  EXPECT_EQ(gate_->counts().strangers, 1u);
}

TEST_F(ConnectionGateTest, FiveThousandSilentOnesKeepNobodyOut) {
  Open({.silent_max = 32, .strangers_max = 4, .members_max = 4});
  std::string peer;
  const RawConnection member = Speak(&peer);
  gate_->Admit(peer);
  int opened = 0;
  for (int i = 0; i < 50; ++i) {
    for (const RawConnection& silent : ConnectSilently(100)) opened += silent.open();
    EXPECT_LE(gate_->counts().silent, 32u);
    if (i % 10 != 0) continue;
    EXPECT_FALSE(Speak().EndsWithin(0));
  }
  EXPECT_EQ(opened, 5000);
  EXPECT_EQ(gate_->counts().members, 1u);
  EXPECT_FALSE(member.EndsWithin(0));
}

TEST_F(ConnectionGateTest, TheOldestOfTheSilentGivesUpItsPlace) {
  Open({.silent_max = 8, .silence_max = std::chrono::hours(1)});
  const std::vector<RawConnection> silent = ConnectSilently(20);
  EXPECT_TRUE(silent[0].EndsWithin(5000));
  EXPECT_TRUE(silent[11].EndsWithin(5000));
  EXPECT_FALSE(silent[12].EndsWithin(200));
  EXPECT_EQ(OpenOf(silent), 8u);
}

TEST_F(ConnectionGateTest, TheOldestStrangerGivesUpItsPlaceAndAMemberNever) {
  Open({.strangers_max = 3, .members_max = 2});
  std::string peer;
  const RawConnection member = Speak(&peer);
  gate_->Admit(peer);
  std::vector<RawConnection> strangers;
  for (int i = 0; i < 5; ++i) strangers.push_back(Speak());
  EXPECT_TRUE(strangers[0].EndsWithin(5000));
  EXPECT_TRUE(strangers[1].EndsWithin(5000));
  EXPECT_EQ(OpenOf(strangers), 3u);
  EXPECT_FALSE(member.EndsWithin(0));
}

TEST_F(ConnectionGateTest, TheMachineThatHasMostGivesUpAPlace) {
  Open({.silent_max = 4, .strangers_max = 4, .silence_max = std::chrono::hours(1)});
  const RawConnection silent = Connect("127.0.0.2"), stranger = Speak(nullptr, "127.0.0.3");
  std::vector<RawConnection> many;
  for (int i = 0; i < 10; ++i) many.push_back(Speak());
  const std::vector<RawConnection> many_silent = ConnectSilently(20);
  EXPECT_TRUE(Until([&] { return OpenOf(many_silent) == 3 && OpenOf(many) == 3; }));
  EXPECT_FALSE(silent.EndsWithin(0));
  EXPECT_FALSE(stranger.EndsWithin(0));
}

TEST_F(ConnectionGateTest, TimeEndsTheSilentAndStrangersButNoMember) {
  Open({.silence_max = milliseconds(2000), .strangeness_max = milliseconds(4000)});
  std::string peer;
  const RawConnection member = Speak(&peer);
  gate_->Admit(peer);
  const RawConnection silent = Connect(), stranger = Speak();
  EXPECT_TRUE(silent.EndsWithin(30'000));
  EXPECT_TRUE(stranger.EndsWithin(30'000));
  EXPECT_FALSE(member.EndsWithin(1000));
  EXPECT_EQ(gate_->counts().members, 1u);
}

TEST_F(ConnectionGateTest, WithoutAMembersPlaceAConnectionStaysAStranger) {
  Open({.members_max = 1});
  for (int i = 0; i < 3; ++i) {
    std::string peer;
    Speak(&peer);
    gate_->Admit(peer);
    gate_->Admit(peer);
    gate_->Admit("ipv4:127.0.0.1:1");
  }
  EXPECT_EQ(gate_->counts().members, 1u);
  EXPECT_EQ(gate_->counts().strangers, 2u);
}

TEST_F(ConnectionGateTest, APlaceIsFreeOnceItsConnectionIsClosedHere) {
  Open({.members_max = 1});
  std::string peer;
  Speak(&peer);
  gate_->Admit(peer);
  CloseLast();
  EXPECT_TRUE(Until([&] { return gate_->counts().members == 0; }));
}

// The number of a descriptor that gRPC has closed may be another file's by now.
TEST_F(ConnectionGateTest, ADescriptorThatIsAnothersIsLeftAlone) {
  Open({.strangeness_max = milliseconds(2000)});
  Speak();
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  {
    const std::lock_guard lock(mutex_);
    dup2(pair[0], handed_.back());
  }
  EXPECT_TRUE(Until([&] { return gate_->counts().strangers == 0; }));
  EXPECT_EQ(send(pair[0], "x", 1, MSG_NOSIGNAL), 1);
  for (const int end : pair) close(end);
}

TEST_F(ConnectionGateTest, OutlivesTheEndOfDescriptors) {
  Open({});
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  std::vector<RawConnection> before = ConnectSilently(4);
  EXPECT_TRUE(Until([&] { return gate_->counts().silent == 4; }));
  // Clients' sockets first: it is the server that must run out.
  std::vector<int> sockets;
  for (int i = 0; i < 8; ++i) sockets.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const rlimit used_up{static_cast<rlim_t>(sockets.back()) + 1, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &used_up), 0);
  const int filler = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(filler, -1) << "a descriptor is left";
  const sockaddr_in to = AddressOf(gate_->socket().address());
  for (const int one : sockets)
    EXPECT_EQ(connect(one, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  pollfd turned_away{sockets[0], POLLIN, 0};
  EXPECT_EQ(poll(&turned_away, 1, 5000), 1);
  setrlimit(RLIMIT_NOFILE, &limit);
  for (const int one : sockets) close(one);
  EXPECT_FALSE(Speak().EndsWithin(100));
}

TEST_F(ConnectionGateTest, ClosedItLetsNobodyIn) {
  Open({});
  const RawConnection silent = Connect();
  EXPECT_TRUE(Until([&] { return gate_->counts().silent == 1; }));
  gate_->Close();
  silent.Send("x");
  EXPECT_TRUE(Connect().open());
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_EQ(handed(), 0u);
}

TEST(ListeningSocketTest, ToldApartByWhoCanCallIt) {
  for (const std::string host : {"127.0.0.1", "localhost", "127.0.0.2", "::ffff:127.0.0.1"}) {
    const auto socket = ListeningSocket::Bind(host, 0);
    ASSERT_TRUE(socket.ok()) << socket.status();
    EXPECT_EQ(socket->loopback(), host == "127.0.0.1" || host == "localhost") << host;
  }
  const auto everywhere = ListeningSocket::Bind("0.0.0.0", 0);
  ASSERT_TRUE(everywhere.ok()) << everywhere.status();
  EXPECT_FALSE(everywhere->loopback());
  EXPECT_THAT(everywhere->address(), testing::Not(HasSubstr("0.0.0.0")));
  EXPECT_TRUE(RawConnection(everywhere->address()).open());
}

TEST(ListeningSocketTest, WhatCantBeBoundIsUnavailableAndSaysWhatToDo) {
  const auto taken = ListeningSocket::Bind("127.0.0.1", 0);
  ASSERT_TRUE(taken.ok()) << taken.status();
  const uint16_t port = ntohs(AddressOf(taken->address()).sin_port);
  for (const auto& [host, at] : std::vector<std::pair<std::string, uint16_t>>{
           {"127.0.0.1", port}, {"203.0.113.7", 0}, {"no.such.host.invalid", 0}}) {
    const absl::Status refused = ListeningSocket::Bind(host, at).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << host;
    EXPECT_THAT(std::string(refused.message()),
                testing::AllOf(HasSubstr(host), HasSubstr("listen")));
  }
}

}  // namespace
}  // namespace strata
