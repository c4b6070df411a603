// Goal: whoever reaches the port can neither end the run nor keep its ranks from being served, nor
// make the coordinator hold what it likes. Method: raw sockets, oversized messages and streams left
// open against the real server, on loopback and with TLS.
#include <sys/resource.h>

#include <atomic>
#include <cmath>
#include <deque>
#include <fstream>
#include <future>
#include <limits>
#include <map>
#include <random>
#include <thread>

#include "tests/coordinator/service/raw_connection.h"
#include "tests/coordinator/service/served_run.h"

namespace strata {
namespace {

using grpc::StatusCode;
using testing::Contains;
using testing::HasSubstr;

constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Of this process: the server's, and that of who attacks it.
size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

class HostilePeerTest : public ServedRun, public testing::WithParamInterface<const char*> {
 protected:
  HostilePeerTest() : ServedRun(Purpose::kTrain, GetParam()) {}
  RawConnection Connect() const { return RawConnection(server_->address()); }
};

INSTANTIATE_TEST_SUITE_P(Plaintext, HostilePeerTest, testing::Values("127.0.0.1"));
INSTANTIATE_TEST_SUITE_P(Tls, HostilePeerTest, testing::Values("0.0.0.0"));

TEST_P(HostilePeerTest, GarbageLeavesItServing) {
  std::mt19937 random(7);
  for (int i = 0; i < 60; ++i) {
    std::string noise(1 + random() % 20'000, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    const RawConnection peer = Connect();
    ASSERT_TRUE(peer.open());
    peer.Send(i % 3 == 0 ? kPreface + noise : i % 3 == 1 ? "GET / HTTP/1.1\r\n\r\n" : noise);
  }
  ExpectServing();
}

// Kept open by the peer as far as its descriptors go, by the server as far as its places go.
TEST_P(HostilePeerTest, FiveThousandIdleConnectionsLeaveItServing) {
  CallingRank rank = JoinAll();
  const size_t before = ResidentBytes();
  std::deque<RawConnection> idle;
  for (int i = 0; i < 5000; ++i) {
    idle.push_back(Connect());
    ASSERT_TRUE(idle.back().open()) << i;
    if (i % 3 == 0) idle.back().Send(std::string(kPreface, 1 + i % 24));
    if (idle.size() > 400) idle.pop_front();
    // No faster than the server lets go of those that were cut off.
    if (i % 50 == 0) {
      ASSERT_TRUE(rank.Heartbeat().ok());
    }
  }
  EXPECT_LT(ResidentBytes(), before + (64u << 20));
  ExpectServing();
}

// gRPC's own listener would never accept again.
TEST_P(HostilePeerTest, WithoutDescriptorsItsRanksAreServedAndLaterOthersToo) {
  CallingRank rank = JoinAll();
  ASSERT_TRUE(rank.Heartbeat().ok());
  std::vector<int> sockets;
  for (int i = 0; i < 16; ++i) sockets.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit used_up{static_cast<rlim_t>(sockets.back()) + 3, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &used_up), 0);
  const sockaddr_in to = AddressOf(server_->address());
  for (const int one : sockets) {
    connect(one, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    send(one, kPreface, sizeof kPreface - 1, MSG_NOSIGNAL);
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(rank.Heartbeat().ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  setrlimit(RLIMIT_NOFILE, &limit);
  for (const int one : sockets) close(one);
  ExpectServing();
}

TEST_P(HostilePeerTest, AMessageBeyondTheLimitIsRefusedAndTheServerGoesOn) {
  CallingRank rank = JoinAll();
  const HeldRun::Seen before = run_.seen();
  EXPECT_EQ(rank.Fail(std::string(17 << 20, 'x')).error_code(), StatusCode::RESOURCE_EXHAUSTED);
  std::vector<v1::CandidateChunk> stream = rank.StreamOf({1}, 4);
  stream[0].mutable_chunk()->set_data(std::string(17 << 20, 'x'));
  EXPECT_EQ(rank.SendCandidate(stream).error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(run_.seen(), before);
  ExpectServing();
}

TEST_P(HostilePeerTest, AMessageBelowTheLimitIsTaken) {
  CallingRank rank = JoinAll();
  EXPECT_TRUE(rank.Fail(std::string((2 << 20) - 200, 'x')).ok());
  EXPECT_THAT(run_.seen().verdict, HasSubstr("xxx"));
  EXPECT_LT(run_.seen().verdict.size(), 5000u);
}

// 15 MiB of one letter are a few KiB on the wire.
TEST_P(HostilePeerTest, AMessageThatGrowsWhenItIsUnpackedIsRefused) {
  CallingRank rank = JoinAll();
  const HeldRun::Seen before = run_.seen();
  rank.compressed = true;
  EXPECT_FALSE(rank.Fail(std::string(15 << 20, 'x')).ok());
  EXPECT_EQ(run_.seen(), before);
  ExpectServing();
}

TEST_P(HostilePeerTest, WhatAPeerCallsItselfCantSteerATerminalOrFillTheJournal) {
  CallingRank rank = NewRank(0, "first");
  rank.host = "\x1b[2J" + std::string(1 << 20, 'h');
  EXPECT_TRUE(rank.Join().ok());
  EXPECT_TRUE(rank.Fail("\x1b]0;owned\x07" + std::string(1 << 20, 'r')).ok());
  for (const std::string& line : run_.seen().journal) {
    EXPECT_LT(line.size(), 5000u);
    EXPECT_EQ(line.find_first_of("\x1b\x07"), std::string::npos) << line;
  }
  EXPECT_THAT(run_.seen().journal, Contains(HasSubstr("rank 0 failed:  ]0;owned rrr")));
}

TEST_P(HostilePeerTest, ACallerOfAnotherRunIsAbortedAndChangesNothing) {
  JoinAll();
  const HeldRun::Seen before = run_.seen();
  for (const std::string& run : {std::string(), std::string("20260101-000000-bbbb")}) {
    for (const auto& [name, call] : EveryRpc()) {
      CallingRank rank = NewRank(0, "first");
      rank.caller.set_run_id(run);
      if (run.empty() && name == "Join") continue;  // it asks which run there is
      EXPECT_EQ(call(rank).error_code(), StatusCode::ABORTED) << name;
    }
  }
  EXPECT_EQ(run_.seen(), before);
}

// Else each join without a name would be a new line of the journal.
TEST_P(HostilePeerTest, AnIncarnationWithoutANameOrWithAnEndlessOneIsAborted) {
  for (const std::string& incarnation : {std::string(), std::string(65, 'i')}) {
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(NewRank(0, incarnation).Join().error_code(), StatusCode::ABORTED);
  }
  EXPECT_EQ(run_.seen().journal.size(), 1u);
  ExpectServing();
}

TEST_P(HostilePeerTest, APositionThatThePlanDoesNotHaveIsInvalidAndNotKept) {
  CallingRank rank = JoinAll();
  EXPECT_TRUE(rank.Heartbeat({1, 0, 4}).ok());
  for (const Position& at : {Position{1, 0, 5}, {1, 1, 0}, {2, 0, 0}, {UINT32_MAX, 0, UINT32_MAX}})
    EXPECT_EQ(rank.Heartbeat(at).error_code(), StatusCode::INVALID_ARGUMENT) << at.stage;
  EXPECT_EQ(run_.seen().positions[0], (Position{1, 0, 4}));
}

TEST_P(HostilePeerTest, AStepAppliedWithALossThatIsNotFiniteIsInvalid) {
  CallingRank rank = JoinAll();
  v1::ReportStepsRequest request;
  *request.mutable_caller() = rank.caller;
  v1::ReportStepsReply reply;
  for (const double loss : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    request.clear_steps();
    request.add_steps()->set_loss(loss);
    EXPECT_EQ(rank.stub().ReportSteps(rank.Context().get(), request, &reply).error_code(),
              StatusCode::INVALID_ARGUMENT);
  }
  EXPECT_TRUE(run_.seen().steps.empty());
  request.mutable_steps(0)->set_skipped(true);
  EXPECT_TRUE(rank.stub().ReportSteps(rank.Context().get(), request, &reply).ok());
}

TEST_P(HostilePeerTest, AnOversizedMessageWithoutTheTokenIsNotEvenLetIn) {
  CallingRank rank = JoinAll();
  const int submitted = run_.submitted();
  rank.authorization.reset();
  const std::string message(200 << 20, 'x');
  v1::FailRequest request;
  request.set_reason(message);
  const size_t before = ResidentBytes();
  size_t most = before;
  std::atomic<bool> over = false;
  std::thread watch([&] {
    for (; !over; std::this_thread::sleep_for(std::chrono::milliseconds(2)))
      most = std::max(most, ResidentBytes());
  });
  v1::FailReply reply;
  const auto context = rank.Context();
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  EXPECT_FALSE(rank.stub().Fail(context.get(), request, &reply).ok());
  over = true;
  watch.join();
  // What the client packs it into is of this process too.
  EXPECT_LT(most - before, message.size() + (50u << 20));
  EXPECT_EQ(run_.submitted(), submitted);
  ExpectServing();
}

TEST_P(HostilePeerTest, StreamsLeftOpenHoldNobodyUp) {
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

TEST_P(HostilePeerTest, APeerThatReadsNothingHoldsNobodyUp) {
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

// Each candidate is kept whole until it has come: a third waits until one of two has.
TEST_P(HostilePeerTest, OfCandidatesThatComeInAtOnceTwoAreKept) {
  CallingRank rank = JoinAll();
  v1::SendCandidateReply reply;
  auto first = rank.StreamOf(std::vector<float>(kElements), 1 << 20)[0];
  first.mutable_chunk()->mutable_data()->resize(4);
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientWriter<v1::CandidateChunk>>> open;
  for (int i = 0; i < 6; ++i) {
    contexts.push_back(rank.Context());
    contexts.back()->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(8));
    open.push_back(rank.stub().SendCandidate(contexts.back().get(), &reply));
    open.back()->Write(first);
  }
  std::vector<std::future<grpc::Status>> finished;
  for (const auto& stream : open) {
    finished.push_back(std::async(std::launch::async, [&stream] { return stream->Finish(); }));
  }
  std::map<StatusCode, int> ends;
  for (auto& end : finished) ++ends[end.get().error_code()];
  EXPECT_THAT(ends, testing::UnorderedElementsAre(testing::Pair(StatusCode::UNAVAILABLE, 4),
                                                  testing::Pair(StatusCode::DEADLINE_EXCEEDED, 2)));
  ExpectServing();
}

class ListeningTest : public ServedRun {};

TEST_F(ListeningTest, OnLoopbackOnlyWithoutTls) {
  EXPECT_EQ(server_->address().find("127.0.0.1:"), 0u);
  EXPECT_EQ(server_->certificate(), "");
  const std::string port = server_->address().substr(server_->address().find(':'));
  EXPECT_FALSE(RawConnection("127.0.0.2" + port).open());
}

TEST_F(ListeningTest, ItsPortIsSharedWithNoOtherServer) {
  HeldRun other_run;
  const auto other = TrainingServer::Start(&other_run, {.token = kToken});
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NE((*other)->address(), server_->address());
  const int rival = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
  setsockopt(rival, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
  const sockaddr_in taken = AddressOf(server_->address());
  EXPECT_EQ(bind(rival, reinterpret_cast<const sockaddr*>(&taken), sizeof taken), -1);
  EXPECT_EQ(errno, EADDRINUSE);
  close(rival);
  const uint16_t port = ntohs(taken.sin_port);
  const auto same = TrainingServer::Start(&other_run, {.token = kToken, .port = port});
  EXPECT_EQ(same.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(same.status().message()), HasSubstr("in use"));
}

TEST_F(ListeningTest, TheTokenOfAnotherRunOpensNothing) {
  HeldRun other_run;
  const auto other = TrainingServer::Start(&other_run, {.token = std::string(32, 'f')});
  ASSERT_TRUE(other.ok()) << other.status();
  CallingRank rank({(*other)->address(), ""}, 0, "first");
  EXPECT_EQ(rank.Join().error_code(), StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace strata
