#include "coordinator/service/run_certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

using SystemClock = std::chrono::system_clock;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* owned) const {
    Free(owned);
  }
};
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Address = std::unique_ptr<ASN1_OCTET_STRING, Freed<ASN1_OCTET_STRING_free>>;

constexpr std::chrono::hours kBefore{48}, kAfter{24 * 365};
constexpr int kSerialBits = 127;

std::string WhyOpenSsl() {
  char text[256] = "";
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  ERR_clear_error();
  return text;
}

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long bytes = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(bytes)};
}

Bio Reading(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// "IP:10.0.0.5,DNS:trainer". What would end a name, or mean more than one, is no name.
std::string AlternativeNames(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    const bool is_address = Address(a2i_IPADDRESS(name.c_str())) != nullptr;
    const bool is_name = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '.' || c == '-' || c == '_';
    });
    if (!is_address && !is_name) continue;
    absl::StrAppend(&list, list.empty() ? "" : ",", is_address ? "IP:" : "DNS:", name);
  }
  ERR_clear_error();
  return list;
}

bool AddExtension(X509* certificate, int kind, const std::string& value) {
  const Extension extension(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool SetSerial(X509* certificate) {
  const Number serial(BN_new());
  return serial != nullptr && BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ANY, 0) == 1 &&
         BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr;
}

// Everything of the certificate but its signature.
bool Describe(X509* certificate, EVP_PKEY* key, const std::vector<std::string>& names,
              SystemClock::time_point now) {
  X509_NAME* const name = X509_get_subject_name(certificate);
  const auto* words = reinterpret_cast<const unsigned char*>("strata run");
  const std::string alternatives = AlternativeNames(names);
  return X509_set_version(certificate, X509_VERSION_3) == 1 && SetSerial(certificate) &&
         ASN1_TIME_set(X509_getm_notBefore(certificate), SystemClock::to_time_t(now - kBefore)) &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), SystemClock::to_time_t(now + kAfter)) &&
         X509_set_pubkey(certificate, key) == 1 &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, words, -1, -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 &&
         AddExtension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         AddExtension(certificate, NID_key_usage, "critical,digitalSignature") &&
         AddExtension(certificate, NID_ext_key_usage, "serverAuth") &&
         (alternatives.empty() || AddExtension(certificate, NID_subject_alt_name, alternatives));
}

absl::StatusOr<std::string> PemOf(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), certificate) != 1)
    return absl::InternalError(absl::StrCat("cannot write a certificate: ", WhyOpenSsl()));
  return TextOf(bio.get());
}

// Asks nobody at a terminal.
int NoPassPhrase(char*, int, int, void*) { return -1; }

}  // namespace

absl::StatusOr<TlsIdentity> MakeRunCertificate(const std::vector<std::string>& names,
                                               SystemClock::time_point now) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  if (key == nullptr || certificate == nullptr ||
      !Describe(certificate.get(), key.get(), names, now) ||
      X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) {
    return absl::InternalError(
        absl::StrCat("cannot make a certificate for the run: ", WhyOpenSsl(),
                     "; name one in branch.yaml: tls_certificate_file, tls_key_file"));
  }
  TlsIdentity identity;
  ASSIGN_OR_RETURN(identity.certificate, PemOf(certificate.get()));
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (bio == nullptr || PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0,
                                                      nullptr, nullptr) != 1) {
    return absl::InternalError(absl::StrCat("cannot write the run's key: ", WhyOpenSsl()));
  }
  identity.key = TextOf(bio.get());
  return identity;
}

absl::StatusOr<std::string> OwnCertificate(const TlsIdentity& identity,
                                           SystemClock::time_point now) {
  const Certificate certificate(
      PEM_read_bio_X509(Reading(identity.certificate).get(), nullptr, &NoPassPhrase, nullptr));
  if (certificate == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("tls_certificate_file: holds no PEM certificate; give it one that begins with "
                     "BEGIN CERTIFICATE: ",
                     WhyOpenSsl()));
  }
  const Key key(
      PEM_read_bio_PrivateKey(Reading(identity.key).get(), nullptr, &NoPassPhrase, nullptr));
  if (key == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("tls_key_file: holds no PEM key, or one with a pass phrase; take that off: ",
                     WhyOpenSsl()));
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        "tls_key_file: is not the key of tls_certificate_file, whose first certificate must be the "
        "server's own: ",
        WhyOpenSsl()));
  }
  time_t moment = SystemClock::to_time_t(now);
  if (X509_cmp_time(X509_get0_notBefore(certificate.get()), &moment) > 0 ||
      X509_cmp_time(X509_get0_notAfter(certificate.get()), &moment) < 0) {
    return absl::FailedPreconditionError(
        "tls_certificate_file: is not valid at this time; renew it, or look at the machine's "
        "clock");
  }
  return PemOf(certificate.get());
}

}  // namespace strata
