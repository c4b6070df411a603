#include "common/huggingface/tokenizer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/huggingface/crate.h"

namespace strata {

absl::StatusOr<Tokenizer> Tokenizer::FromFile(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    return absl::NotFoundError(
        absl::StrCat("no ", file.string(), ": the base model's folder needs its tokenizer.json"));
  }
  char* error = nullptr;
  const std::string path = file.string();
  StrataTokenizer* handle = strata_tokenizer_open(path.data(), path.size(), &error);
  if (handle == nullptr)
    return absl::DataLossError(absl::StrCat("cannot use ", path, ": ", TakeText(error)));
  return Tokenizer(handle);
}

Tokenizer::~Tokenizer() {
  if (handle_ != nullptr) strata_tokenizer_free(handle_);
}

Tokenizer::Tokenizer(Tokenizer&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

absl::StatusOr<Encoding> Tokenizer::Encode(std::string_view text) const {
  return Encode(text, /*add_special=*/true);
}

absl::StatusOr<Encoding> Tokenizer::EncodeBare(std::string_view text) const {
  return Encode(text, /*add_special=*/false);
}

absl::StatusOr<Encoding> Tokenizer::Encode(std::string_view text, bool add_special) const {
  char* error = nullptr;
  StrataEncoded* encoded =
      strata_tokenizer_encode(handle_, text.data(), text.size(), add_special, &error);
  if (encoded == nullptr) return absl::DataLossError(TakeText(error));
  const uint32_t *ids = nullptr, *begins = nullptr, *ends = nullptr;
  const size_t count = strata_encoded_view(encoded, &ids, &begins, &ends);
  Encoding encoding{{ids, ids + count}, {begins, begins + count}, {ends, ends + count}};
  strata_encoded_free(encoded);
  return encoding;
}

absl::StatusOr<std::string> Tokenizer::Decode(const std::vector<uint32_t>& ids) const {
  return Decode(ids, /*with_special=*/false);
}

absl::StatusOr<std::string> Tokenizer::DecodeWithSpecial(const std::vector<uint32_t>& ids) const {
  return Decode(ids, /*with_special=*/true);
}

absl::StatusOr<std::string> Tokenizer::Decode(const std::vector<uint32_t>& ids,
                                              bool with_special) const {
  char* error = nullptr;
  char* decoded = strata_tokenizer_decode(handle_, ids.data(), ids.size(), with_special, &error);
  if (decoded == nullptr) return absl::DataLossError(TakeText(error));
  return TakeText(decoded);
}

int64_t Tokenizer::IdOf(std::string_view token) const {
  return strata_tokenizer_id(handle_, token.data(), token.size());
}

bool Tokenizer::IsAdded(uint32_t id) const { return strata_tokenizer_is_added(handle_, id); }

std::string Tokenizer::TokenOf(uint32_t id) const {
  return TakeText(strata_tokenizer_token(handle_, id));
}

size_t Tokenizer::VocabSize() const { return strata_tokenizer_size(handle_); }

}  // namespace strata
