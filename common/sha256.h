// Computes SHA-256 digests: the identity of datasets, base models, adapters and ledger lines. A
// door to OpenSSL.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace strata {

struct Digest {
  std::array<uint8_t, 32> bytes{};
  auto operator<=>(const Digest&) const = default;
  // 64 lower-case hexadecimal digits.
  std::string Hex() const;
  // The first 8 bytes, little-endian: a seed or a hash-table key.
  uint64_t Prefix64() const;
};

// INVALID_ARGUMENT unless `hex` is 64 hexadecimal digits.
absl::StatusOr<Digest> DigestFromHex(std::string_view hex);

// One digest in the making.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void Update(const void* data, size_t bytes);
  void Update(std::string_view text) { Update(text.data(), text.size()); }
  // Ends this digest and begins the next.
  Digest Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

Digest Sha256Of(std::string_view text);

// Reads the file once, in pieces. NOT_FOUND or UNAVAILABLE with the path when it cannot be read.
absl::StatusOr<Digest> Sha256OfFile(const std::filesystem::path& path);

// Equal in a time that does not depend on where they differ.
bool EqualInConstantTime(std::string_view a, std::string_view b);

// `bytes` from the system's secure generator, in hexadecimal: run tokens and the tails of run ids.
std::string RandomHex(size_t bytes);

}  // namespace strata
