// Goal: a run's certificate is its own, and one that is no use is refused before anybody relies on
// it. Method: certificates made here, at chosen moments.
#include "coordinator/service/run_certificate.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

using std::chrono::hours;
using testing::HasSubstr;

const auto kNow = std::chrono::system_clock::now();

TlsIdentity Made(const std::vector<std::string>& names = {"10.0.0.5", "trainer"}) {
  absl::StatusOr<TlsIdentity> made = MakeRunCertificate(names, kNow);
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

std::string Refusal(const TlsIdentity& identity, std::chrono::system_clock::time_point now = kNow) {
  const absl::Status refused = OwnCertificate(identity, now).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
  return std::string(refused.message());
}

TEST(RunCertificateTest, EachRunHasItsOwn) {
  const TlsIdentity first = Made(), second = Made();
  EXPECT_THAT(first.certificate, HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_THAT(first.key, HasSubstr("BEGIN PRIVATE KEY"));
  EXPECT_NE(first.certificate, second.certificate);
  EXPECT_NE(first.key, second.key);
  EXPECT_THAT(first.certificate, testing::Not(HasSubstr("PRIVATE")));
}

TEST(RunCertificateTest, IsValidForAYearAndForClocksThatAreBehind) {
  const TlsIdentity made = Made();
  for (const hours from_now : {hours(-47), hours(0), hours(24 * 364)})
    EXPECT_TRUE(OwnCertificate(made, kNow + from_now).ok()) << from_now.count();
  for (const hours from_now : {hours(-49), hours(24 * 366)})
    EXPECT_THAT(Refusal(made, kNow + from_now), HasSubstr("not valid at this time"));
}

TEST(RunCertificateTest, NamesThatACertificateCantHoldAreLeftOut) {
  for (const std::vector<std::string>& names :
       {std::vector<std::string>{}, {""}, {"a,IP:6.6.6.6", "x y", "a\nb", "::1", "fe80::1%2"}})
    EXPECT_TRUE(OwnCertificate(Made(names), kNow).ok());
}

TEST(OwnCertificateTest, GivesTheFirstOfAChainAlone) {
  TlsIdentity chain = Made();
  const std::string own = chain.certificate;
  chain.certificate += Made().certificate;
  EXPECT_EQ(*OwnCertificate(chain, kNow), own);
}

TEST(OwnCertificateTest, WhatDoesNotBelongTogetherIsRefused) {
  const TlsIdentity one = Made(), other = Made();
  EXPECT_THAT(Refusal({one.certificate, other.key}), HasSubstr("not the key of"));
  EXPECT_THAT(Refusal({other.certificate + one.certificate, one.key}), HasSubstr("not the key of"));
  EXPECT_THAT(Refusal({"", one.key}), HasSubstr("tls_certificate_file"));
  EXPECT_THAT(Refusal({one.key, one.key}), HasSubstr("holds no PEM certificate"));
  EXPECT_THAT(Refusal({one.certificate, one.certificate}), HasSubstr("tls_key_file"));
  EXPECT_THAT(Refusal({one.certificate,
                       "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END "
                       "ENCRYPTED PRIVATE KEY-----\n"}),
              HasSubstr("pass phrase"));
}

}  // namespace
}  // namespace strata
