// Turns one example into token ids with the spans that are supervised, as the base's own tokenizer
// and the chat template have it. Takes an Example, gives the token store what it keeps.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/huggingface/chat_template.h"
#include "common/huggingface/tokenizer.h"
#include "common/sha256.h"
#include "coordinator/catalog/example.h"
#include "coordinator/tokens/token_file.h"

namespace strata {

// Threads: const functions may run at once on any number of threads.
class ExampleTokenizer {
 public:
  // Reads config.json, tokenizer.json and tokenizer_config.json of the folder `base`. NOT_FOUND
  // when a needed one is missing; FAILED_PRECONDITION when they name no end-of-sequence token.
  static absl::StatusOr<ExampleTokenizer> Open(const std::filesystem::path& base,
                                               bool completion_only_loss);

  // The ids end with the end-of-sequence token, once, and it is supervised. A token that straddles
  // the boundary between prompt and answer is the prompt's; token 0 is never supervised. DATA_LOSS
  // when the template refuses the conversation, OUT_OF_RANGE when an id is beyond the base's
  // vocabulary.
  absl::StatusOr<TokenizedExample> Tokenize(const Example& example) const;

  // What the model has before it when it begins an answer: the ids that Tokenize gives before the
  // supervised ones, but for a token that would straddle the boundary to the answer. Errors as
  // Tokenize.
  absl::StatusOr<std::vector<uint32_t>> TokenizePrompt(const std::vector<Message>& messages) const;
  // The ids of a text that is to be continued as it is. Errors as Tokenize.
  absl::StatusOr<std::vector<uint32_t>> TokenizeOpen(std::string_view text) const;

  const Tokenizer& tokenizer() const { return tokenizer_; }
  const std::string& template_text() const { return template_text_; }
  uint32_t eos_id() const { return eos_id_; }
  // SHA-256 over all that decides ids and spans.
  const Digest& fingerprint() const { return fingerprint_; }

 private:
  ExampleTokenizer(Tokenizer tokenizer, ChatTemplate chat_template)
      : tokenizer_(std::move(tokenizer)), chat_template_(std::move(chat_template)) {}
  absl::Status FindEos(const std::filesystem::path& base);
  absl::Status CheckIds(const std::vector<uint32_t>& ids) const;

  Tokenizer tokenizer_;
  ChatTemplate chat_template_;
  std::string template_text_;
  bool completion_only_loss_ = true;
  int64_t vocab_size_ = 0;  // of config.json
  std::string eos_token_;
  uint32_t eos_id_ = 0;
  Digest fingerprint_;
};

}  // namespace strata
