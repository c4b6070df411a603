#include "common/sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstdio>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

std::string HexOf(const uint8_t* bytes, size_t count) {
  std::string hex(count * 2, '0');
  for (size_t i = 0; i < count; ++i) {
    hex[2 * i] = kHexDigits[bytes[i] >> 4];
    hex[2 * i + 1] = kHexDigits[bytes[i] & 15];
  }
  return hex;
}

int HexValue(char c) {
  const char* at = std::strchr(kHexDigits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
  return c != '\0' && at != nullptr ? static_cast<int>(at - kHexDigits) : -1;
}

}  // namespace

std::string Digest::Hex() const { return HexOf(bytes.data(), bytes.size()); }

uint64_t Digest::Prefix64() const {
  uint64_t prefix = 0;
  for (int i = 7; i >= 0; --i) prefix = prefix << 8 | bytes[i];
  return prefix;
}

absl::StatusOr<Digest> DigestFromHex(std::string_view hex) {
  Digest digest;
  if (hex.size() != 64)
    return absl::InvalidArgumentError("a SHA-256 digest has 64 hexadecimal digits");
  for (size_t i = 0; i < 32; ++i) {
    const int high = HexValue(hex[2 * i]), low = HexValue(hex[2 * i + 1]);
    if (high < 0 || low < 0)
      return absl::InvalidArgumentError("a SHA-256 digest has 64 hexadecimal digits");
    digest.bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return digest;
}

struct Sha256::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  Context() { EVP_DigestInit_ex(evp, EVP_sha256(), nullptr); }
  ~Context() { EVP_MD_CTX_free(evp); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;

void Sha256::Update(const void* data, size_t bytes) {
  EVP_DigestUpdate(context_->evp, data, bytes);
}

Digest Sha256::Finish() {
  Digest digest;
  EVP_DigestFinal_ex(context_->evp, digest.bytes.data(), nullptr);
  // Null keeps the algorithm: naming it again would fetch it under a lock, at a third of a short digest's cost.
  EVP_DigestInit_ex(context_->evp, nullptr, nullptr);
  return digest;
}

Digest Sha256Of(std::string_view text) {
  Sha256 sha;
  sha.Update(text);
  return sha.Finish();
}

absl::StatusOr<Digest> Sha256OfFile(const std::filesystem::path& path) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (file == nullptr) {
    const std::string message =
        absl::StrCat("cannot read ", path.string(), ": ", std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
  }
  Sha256 sha;
  std::vector<char> piece(1 << 20);
  while (size_t count = std::fread(piece.data(), 1, piece.size(), file.get()))
    sha.Update(piece.data(), count);
  if (std::ferror(file.get()))
    return absl::UnavailableError(absl::StrCat("cannot read ", path.string()));
  return sha.Finish();
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string RandomHex(size_t bytes) {
  std::vector<uint8_t> random(bytes);
  RAND_bytes(random.data(), static_cast<int>(bytes));
  return HexOf(random.data(), bytes);
}

}  // namespace strata
