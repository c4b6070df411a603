// Turns text into token ids and back by Hugging Face's own tokenizers library.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

struct StrataTokenizer;

namespace strata {

struct Encoding {
  std::vector<uint32_t> ids;
  // Bytes from the beginning of the text, of each id and with the spaces it holds; 0 for ids that
  // the tokenizer adds.
  std::vector<uint32_t> begins, ends;
};

// Threads: const functions may run at once on any number of threads.
class Tokenizer {
 public:
  // Reads a tokenizer.json. NOT_FOUND when it is missing, DATA_LOSS when it can't be used.
  static absl::StatusOr<Tokenizer> FromFile(const std::filesystem::path& file);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;

  // With the special tokens that the tokenizer's own post-processor adds. DATA_LOSS when `text` is
  // not UTF-8.
  absl::StatusOr<Encoding> Encode(std::string_view text) const;
  // Without those, for a text that has its own: what a chat template wrote.
  absl::StatusOr<Encoding> EncodeBare(std::string_view text) const;
  // Without special tokens.
  absl::StatusOr<std::string> Decode(const std::vector<uint32_t>& ids) const;
  // With special tokens as the vocabulary writes them.
  absl::StatusOr<std::string> DecodeWithSpecial(const std::vector<uint32_t>& ids) const;
  // -1 when the vocabulary has no such token.
  int64_t IdOf(std::string_view token) const;
  // Whether the id was added to the model's vocabulary, as special tokens are: a text that holds
  // the token's name holds the token.
  bool IsAdded(uint32_t id) const;
  // As the vocabulary writes it; "" when there is no such id.
  std::string TokenOf(uint32_t id) const;
  // How many ids there are, added tokens included.
  size_t VocabSize() const;

 private:
  explicit Tokenizer(StrataTokenizer* handle) : handle_(handle) {}
  absl::StatusOr<Encoding> Encode(std::string_view text, bool add_special) const;
  absl::StatusOr<std::string> Decode(const std::vector<uint32_t>& ids, bool with_special) const;
  StrataTokenizer* handle_;
};

}  // namespace strata
