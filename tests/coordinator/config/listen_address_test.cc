// Goal: what can be bound is read as it is meant, and nothing else is taken for an address.
#include "coordinator/config/listen_address.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

TEST(ListenAddressTest, ReadsHostsWithAndWithoutAPort) {
  const std::vector<std::pair<std::string, ListenAddress>> cases = {
      {"127.0.0.1", {"127.0.0.1", 0}},
      {"10.0.0.5:50051", {"10.0.0.5", 50051}},
      {"trainer-1.cluster:1", {"trainer-1.cluster", 1}},
      {"0.0.0.0:65535", {"0.0.0.0", 65535}},
      {"::", {"::", 0}},
      {"fd00::2", {"fd00::2", 0}},
      {"[fd00::2]", {"fd00::2", 0}},
      {"[::1]:50051", {"::1", 50051}},
  };
  for (const auto& [text, address] : cases) {
    const absl::StatusOr<ListenAddress> parsed = ParseListenAddress(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.status();
    EXPECT_EQ(*parsed, address) << text;
  }
}

TEST(ListenAddressTest, MetricsAreForThisMachineUnlessAHostIsNamed) {
  const std::vector<std::pair<std::string, ListenAddress>> cases = {
      {"0", {"127.0.0.1", 0}},
      {"9101", {"127.0.0.1", 9101}},
      {"0.0.0.0:9101", {"0.0.0.0", 9101}},
      {"[::1]:9101", {"::1", 9101}},
  };
  for (const auto& [text, address] : cases) {
    const absl::StatusOr<ListenAddress> parsed = ParseMetricsAddress(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.status();
    EXPECT_EQ(*parsed, address) << text;
  }
  for (const std::string text : {"", "host", "host:0", "65536", "-1", "1x", "00000000000000000000"})
    EXPECT_TRUE(absl::IsInvalidArgument(ParseMetricsAddress(text).status())) << text;
}

TEST(ListenAddressTest, RefusesWhatIsNoAddress) {
  for (const std::string text :
       {"", ":", ":50051", "host:", "host:0", "host:65536", "host:-1", "host:1x", "host: 1", "[::1",
        "[]:1", "[::1]1", "[::1]:", "a b", "http://host", "host/", "ho\nst", "*:1"}) {
    const absl::Status refused = ParseListenAddress(text).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("HOST or HOST:PORT")) << text;
  }
  EXPECT_FALSE(ParseListenAddress(std::string(254, 'a')).ok());
}

}  // namespace
}  // namespace strata
