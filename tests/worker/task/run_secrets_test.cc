// Goal: a worker has its secrets by environment or file, and sends none where anybody could read
// it. Method: the environment of this process, set for each case.
#include "worker/task/run_secrets.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::HasSubstr;

constexpr char kHere[] = "127.0.0.1:50051";

class RunSecretsTest : public testing::Test {
 protected:
  RunSecretsTest() { Clear(); }
  ~RunSecretsTest() override {
    Clear();
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
  }
  static void Clear() {
    for (const char* name : {"STRATA_TOKEN", "STRATA_TOKEN_FILE", "STRATA_TLS_CERTIFICATE",
                             "STRATA_TLS_CERTIFICATE_FILE"})
      unsetenv(name);
  }
  static void Set(const char* name, const std::string& value) { setenv(name, value.c_str(), 1); }
  std::string FileOf(const std::string& content) const {
    std::ofstream(file_, std::ios::binary) << content;
    return file_;
  }
  static std::string Refusal(const std::string& coordinator) {
    const absl::Status refused = ReadRunSecrets(coordinator).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
    return std::string(refused.message());
  }
  const std::string file_ = testing::TempDir() + "strata_secret_" + std::to_string(getpid());
};

TEST_F(RunSecretsTest, ComeByTheEnvironment) {
  Set("STRATA_TOKEN", "abc");
  Set("STRATA_TLS_CERTIFICATE", "-----BEGIN\nCERTIFICATE-----\n");
  const absl::StatusOr<RunSecrets> secrets = ReadRunSecrets("10.0.0.5:50051");
  ASSERT_TRUE(secrets.ok()) << secrets.status();
  EXPECT_EQ(secrets->token, "abc");
  EXPECT_EQ(secrets->certificate, "-----BEGIN\nCERTIFICATE-----\n");
}

TEST_F(RunSecretsTest, ComeByFilesWithoutTheirLastLineEnd) {
  Set("STRATA_TOKEN_FILE", FileOf("abc\n"));
  EXPECT_EQ(ReadRunSecrets(kHere)->token, "abc");
  Set("STRATA_TOKEN", "of the environment");
  EXPECT_EQ(ReadRunSecrets(kHere)->token, "of the environment");
  Set("STRATA_TLS_CERTIFICATE_FILE", FileOf("PEM\r\n"));
  EXPECT_EQ(ReadRunSecrets("trainer:1")->certificate, "PEM");
}

TEST_F(RunSecretsTest, AFileThatIsMissingOrEmptyIsRefused) {
  Set("STRATA_TOKEN_FILE", "/no/such/file");
  EXPECT_THAT(Refusal(kHere),
              testing::AllOf(HasSubstr("STRATA_TOKEN_FILE"), HasSubstr("/no/such")));
  Set("STRATA_TOKEN_FILE", FileOf(" \n"));
  EXPECT_THAT(Refusal(kHere), HasSubstr("no token of the run"));
}

TEST_F(RunSecretsTest, NoTokenIsRefused) { EXPECT_THAT(Refusal(kHere), HasSubstr("STRATA_TOKEN")); }

TEST_F(RunSecretsTest, WithoutACertificateTheTokenStaysOnThisMachine) {
  Set("STRATA_TOKEN", "abc");
  for (const std::string here : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"})
    EXPECT_TRUE(ReadRunSecrets(here).ok()) << here;
  for (const std::string beyond : {"10.0.0.5:1", "trainer:1", "127.0.0.1.example.org:1",
                                   "[fd00::2]:1", "0.0.0.0:1", "localhost.example.org:1"})
    EXPECT_THAT(Refusal(beyond), HasSubstr("STRATA_TLS_CERTIFICATE")) << beyond;
}

}  // namespace
}  // namespace strata
