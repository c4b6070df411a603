// Turns one example into token ids with the spans that are supervised, as the base's own tokenizer
// and the chat template have it. Takes an Example, gives the token store what it keeps.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/huggingface/tokenizer.h"
#include "common/sha256.h"
#include "coordinator/catalog/example.h"
#include "coordinator/config/config.h"
#include "coordinator/tokens/conversation_text.h"
#include "coordinator/tokens/template_source.h"
#include "coordinator/tokens/token_file.h"

namespace strata {

struct TokenizerSettings {
  TemplateSource chat_template;
  Learnt learnt = Learnt::kAnswers;
};

// As branch.yaml asks for them. Errors as ChosenTemplate.
absl::StatusOr<TokenizerSettings> TokenizerSettingsOf(const Config& config);

// Threads: const functions may run at once on any number of threads.
class ExampleTokenizer {
 public:
  // Reads config.json, tokenizer.json and what names special tokens in the folder `base`. NOT_FOUND
  // when a needed file is missing; FAILED_PRECONDITION when they name no end-of-sequence token;
  // DATA_LOSS naming its origin when the template is none.
  static absl::StatusOr<ExampleTokenizer> Open(const std::filesystem::path& base,
                                               const TokenizerSettings& settings);

  // By the built-in template, and of a plain text, the ids end with the end-of-sequence token,
  // once, and it is supervised. By another template they are what it writes, and that token follows
  // unless a token at which the base stops closes them, behind which only white space may be. What
  // closes an answer is supervised, the white space behind it is not.
  // A token that straddles the boundary between prompt and answer is the prompt's, where the
  // template does not itself mark what is generated; token 0 is never supervised. DATA_LOSS when
  // the template refuses the conversation, OUT_OF_RANGE when an id is beyond the base's vocabulary.
  absl::StatusOr<TokenizedExample> Tokenize(const Example& example) const;

  // What the model has before it when it begins an answer: the ids that Tokenize gives before the
  // supervised ones, but for a token that would straddle the boundary to the answer. Errors as
  // Tokenize.
  absl::StatusOr<std::vector<uint32_t>> TokenizePrompt(const std::vector<Message>& messages) const;
  // The ids of a text that is to be continued as it is. Errors as Tokenize.
  absl::StatusOr<std::vector<uint32_t>> TokenizeOpen(std::string_view text) const;

  const Tokenizer& tokenizer() const { return tokenizer_; }
  const ChatStyle& style() const { return style_; }
  const std::string& template_text() const { return template_text_; }
  // What ends an answer: the end-of-sequence token, those that the base stops at, and the one that
  // the template closes a turn with.
  const std::vector<uint32_t>& stop_ids() const { return stop_ids_; }
  uint32_t eos_id() const { return eos_id_; }
  // SHA-256 over all that decides ids and spans.
  const Digest& fingerprint() const { return fingerprint_; }

 private:
  ExampleTokenizer(Tokenizer tokenizer, ChatTemplate chat_template)
      : tokenizer_(std::move(tokenizer)), style_{std::move(chat_template)} {}
  absl::Status FindEos(const std::filesystem::path& base);
  void FindTurnEnd();
  absl::Status CheckIds(const std::vector<uint32_t>& ids) const;
  bool IsStop(uint32_t id) const;
  void Close(const ConversationText& conversation, const Encoding& encoding,
             TokenizedExample* tokenized) const;
  absl::StatusOr<TokenizedExample> TokenizeBare(const ConversationText& conversation) const;
  absl::StatusOr<TokenizedExample> TokenizeClosed(const ConversationText& conversation,
                                                  bool all) const;

  Tokenizer tokenizer_;
  ChatStyle style_;
  std::string template_text_;
  Learnt learnt_ = Learnt::kAnswers;
  int64_t vocab_size_ = 0;  // of config.json
  std::string eos_token_;
  uint32_t eos_id_ = 0;
  std::vector<uint32_t> base_stop_ids_, stop_ids_;
  Digest fingerprint_;
};

}  // namespace strata
