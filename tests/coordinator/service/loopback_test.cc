// Goal: a machine that lets gRPC through is told from one that does not. Method: a call here, also
// past a proxy that is not there, and one that has no time.
#include "coordinator/service/loopback.h"

#include <cstdlib>

#include "gmock/gmock.h"

namespace strata {
namespace {

TEST(LoopbackTest, ACallComesBackAlsoWhereAProxyIsSet) {
  setenv("http_proxy", "http://127.0.0.1:9", 1);
  const absl::StatusOr<LoopbackCall> call = CallLoopback(std::chrono::seconds(10));
  unsetenv("http_proxy");
  ASSERT_TRUE(call.ok()) << call.status();
  EXPECT_THAT(call->address, testing::StartsWith("127.0.0.1:"));
  EXPECT_GT(call->round_trip.count(), 0);
}

TEST(LoopbackTest, ACallThatDoesNotComeThroughInTimeIsUnavailable) {
  const absl::StatusOr<LoopbackCall> call = CallLoopback(std::chrono::seconds(-1));
  EXPECT_EQ(call.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(call.status().message()), testing::HasSubstr("loopback"));
}

}  // namespace
}  // namespace strata
