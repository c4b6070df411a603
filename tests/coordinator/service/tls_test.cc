// Goal: beyond loopback nobody reads the token, and a worker speaks to its own coordinator alone.
// Method: servers of runs of their own, called with the right, a foreign and no certificate.
#include "coordinator/service/run_certificate.h"
#include "tests/coordinator/service/raw_connection.h"
#include "tests/coordinator/service/served_run.h"

namespace strata {
namespace {

using grpc::StatusCode;

// Long enough to be let in, were that ever so.
constexpr std::chrono::seconds kNever{3};

class TlsTest : public ServedRun {
 protected:
  TlsTest() : ServedRun(Purpose::kTrain, "0.0.0.0") {}
  // Whether a rank gets through to the server with what it trusts; that it does not is a wait.
  static bool Reaches(const Server& server, std::chrono::seconds wait = std::chrono::seconds(30)) {
    return ChannelTo(server)->WaitForConnected(std::chrono::system_clock::now() + wait);
  }
};

TEST_F(TlsTest, EveryRpcGoesThrough) {
  for (const auto& [name, call] : EveryRpc()) {
    HeldRun run;
    const auto server = TrainingServer::Start(&run, {.token = kToken, .host = "0.0.0.0"});
    ASSERT_TRUE(server.ok()) << server.status();
    CallingRank rank({(*server)->address(), (*server)->certificate()}, 0, "first");
    EXPECT_TRUE(rank.Join().ok()) << name;
    const grpc::Status called = call(rank);
    EXPECT_TRUE(called.ok() || called.error_code() == StatusCode::INVALID_ARGUMENT ||
                called.error_code() == StatusCode::FAILED_PRECONDITION)
        << name << ": " << called.error_message();
  }
}

TEST_F(TlsTest, WithoutTheTokenEveryRpcIsUnauthenticated) {
  for (const auto& [name, call] : EveryRpc()) {
    for (const std::optional<std::string>& wrong :
         {std::optional<std::string>(), std::optional<std::string>("Bearer f")}) {
      CallingRank rank = NewRank(0, "first");
      rank.authorization = wrong;
      EXPECT_EQ(call(rank).error_code(), StatusCode::UNAUTHENTICATED) << name;
    }
  }
  EXPECT_EQ(run_.submitted(), 1);
}

TEST_F(TlsTest, PlaintextIsCutOff) {
  EXPECT_FALSE(Reaches({server_->address(), ""}, kNever));
  const RawConnection plain(server_->address());
  plain.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_TRUE(plain.EndsWithin(5000));
  ExpectServing();
}

TEST_F(TlsTest, ACertificateOfAnotherRunIsNotTrusted) {
  HeldRun other_run;
  const auto other = TrainingServer::Start(&other_run, {.token = kToken, .host = "0.0.0.0"});
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_TRUE(Reaches({(*other)->address(), (*other)->certificate()}));
  EXPECT_FALSE(Reaches({(*other)->address(), server_->certificate()}, kNever));
  EXPECT_FALSE(Reaches({server_->address(), (*other)->certificate()}, kNever));
}

TEST_F(TlsTest, ACertificateOfTheUsersIsTakenOnLoopbackToo) {
  const auto identity = MakeRunCertificate({"127.0.0.1"}, std::chrono::system_clock::now());
  ASSERT_TRUE(identity.ok()) << identity.status();
  HeldRun run;
  const auto server = TrainingServer::Start(&run, {.token = kToken, .identity = *identity});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ((*server)->certificate(), identity->certificate);
  EXPECT_TRUE(CallingRank({(*server)->address(), identity->certificate}, 0, "first").Join().ok());
  EXPECT_FALSE(Reaches({(*server)->address(), ""}, kNever));
}

TEST_F(TlsTest, ACertificateThatIsNoUseIsRefusedBeforeItServes) {
  const auto one = MakeRunCertificate({}, std::chrono::system_clock::now());
  const auto other = MakeRunCertificate({}, std::chrono::system_clock::now());
  const auto server = TrainingServer::Start(
      &run_, {.token = kToken, .identity = TlsIdentity{one->certificate, other->key}});
  EXPECT_EQ(server.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace strata
