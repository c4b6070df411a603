#include "coordinator/tokens/example_tokenizer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/config_json.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/tokens/conversation_text.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr int kTokensFormat = 3;  // of what the ids of an example are; a change makes caches anew
constexpr uint64_t kJsonBytesMax = 16 << 20;

// The field `key` of a JSON file; null when there is no such file or field.
Json FieldOf(const fs::path& file, const char* key) {
  const absl::StatusOr<std::string> text = ReadFile(file, kJsonBytesMax);
  if (!text.ok()) return Json();
  const absl::StatusOr<Json> json = ParseJson(*text, file.string());
  return json.ok() && json->is_object() && json->contains(key) ? (*json)[key] : Json();
}

// "eos_token": "</s>" or {"content": "</s>"}; "" when there is none.
std::string NamedEos(const fs::path& base) {
  Json token = FieldOf(base / "tokenizer_config.json", "eos_token");
  if (token.is_object() && token.contains("content")) token = Json(token["content"]);
  return token.is_string() ? token.get<std::string>() : "";
}

// "eos_token_id": 2 or [2, 3], of which the first closes; -1 when there is none.
int64_t NumberedEos(const fs::path& base) {
  Json id = FieldOf(base / "config.json", "eos_token_id");
  if (id.is_array() && !id.empty()) id = Json(id[0]);
  return id.is_number_integer() ? id.get<int64_t>() : -1;
}

// The tokens that begin in [from, to). The last of all begins where the text ends when it is the
// closing token, and belongs to the span that reaches there.
Span SpanOf(const std::vector<uint32_t>& begins, uint32_t from, uint32_t to) {
  const auto total = static_cast<uint32_t>(begins.size());
  uint32_t begin = 1;
  while (begin < total && begins[begin] < from) ++begin;
  uint32_t end = begin;
  while (end < total && (begins[end] < to || (end + 1 == total && begins[end] == to))) ++end;
  return {begin, end};
}

}  // namespace

absl::StatusOr<ExampleTokenizer> ExampleTokenizer::Open(const fs::path& base,
                                                        bool completion_only_loss) {
  ASSIGN_OR_RETURN(const ModelConfig model, ReadModelConfig(base));
  ASSIGN_OR_RETURN(Tokenizer tokenizer, Tokenizer::FromFile(base / "tokenizer.json"));
  ASSIGN_OR_RETURN(ChatTemplate chat_template, ChatTemplate::Compile(kDefaultChatTemplate));
  ExampleTokenizer opened(std::move(tokenizer), std::move(chat_template));
  opened.template_text_ = kDefaultChatTemplate;
  opened.completion_only_loss_ = completion_only_loss;
  opened.vocab_size_ = model.vocab_size;
  RETURN_IF_ERROR(opened.FindEos(base));
  ASSIGN_OR_RETURN(const Digest file, Sha256OfFile(base / "tokenizer.json"));
  opened.fingerprint_ = Sha256Of(absl::StrCat(
      kTokensFormat, "\n", file.Hex(), "\n", opened.template_text_, "\n", opened.eos_token_, "\n",
      opened.eos_id_, "\n", opened.vocab_size_, "\n", completion_only_loss));
  return opened;
}

absl::Status ExampleTokenizer::FindEos(const fs::path& base) {
  eos_token_ = NamedEos(base);
  const int64_t id = eos_token_.empty() ? NumberedEos(base) : tokenizer_.IdOf(eos_token_);
  if (id < 0 || id >= vocab_size_) {
    const std::string what = eos_token_.empty()
                                 ? " names no end-of-sequence token"
                                 : " has no token '" + eos_token_ + "' in its vocabulary";
    return absl::FailedPreconditionError(
        absl::StrCat(base.string(), what,
                     ": set eos_token in its tokenizer_config.json to a token that tokenizer.json "
                     "has"));
  }
  eos_id_ = static_cast<uint32_t>(id);
  // The template closes every answer with it, not only the last.
  if (eos_token_.empty()) eos_token_ = tokenizer_.TokenOf(eos_id_);
  return absl::OkStatus();
}

absl::Status ExampleTokenizer::CheckIds(const std::vector<uint32_t>& ids) const {
  const uint32_t largest = ids.empty() ? 0 : *std::max_element(ids.begin(), ids.end());
  if (largest < vocab_size_) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("token id ", largest, " is beyond the base's vocabulary of ", vocab_size_,
                   ": tokenizer.json and config.json do not belong together"));
}

absl::StatusOr<std::vector<uint32_t>> ExampleTokenizer::TokenizePrompt(
    const std::vector<Message>& messages) const {
  ASSIGN_OR_RETURN(const std::string text, PromptTextOf(messages, chat_template_, eos_token_));
  return TokenizeOpen(text);
}

absl::StatusOr<std::vector<uint32_t>> ExampleTokenizer::TokenizeOpen(std::string_view text) const {
  ASSIGN_OR_RETURN(Encoding encoding, tokenizer_.Encode(text));
  // What the tokenizer's own post-processor closes a text with is not there before the answer is.
  if (encoding.ids.size() > 1 && encoding.ids.back() == eos_id_ && encoding.begins.back() == 0)
    encoding.ids.pop_back();
  RETURN_IF_ERROR(CheckIds(encoding.ids));
  return std::move(encoding.ids);
}

absl::StatusOr<TokenizedExample> ExampleTokenizer::Tokenize(const Example& example) const {
  ASSIGN_OR_RETURN(const ConversationText conversation,
                   TextOf(example, chat_template_, eos_token_));
  ASSIGN_OR_RETURN(Encoding encoding, tokenizer_.Encode(conversation.text));
  std::vector<uint32_t>& begins = encoding.begins;
  const auto text_end = static_cast<uint32_t>(conversation.text.size());
  TokenizedExample tokenized;
  tokenized.ids = std::move(encoding.ids);
  if (tokenized.ids.empty() || tokenized.ids.back() != eos_id_) {
    tokenized.ids.push_back(eos_id_);
    begins.push_back(text_end);
  } else if (begins.back() == 0) {
    begins.back() = text_end;  // the tokenizer's own post-processor closes the text
  }
  RETURN_IF_ERROR(CheckIds(tokenized.ids));
  if (!completion_only_loss_) {
    tokenized.supervised = {{1, static_cast<uint32_t>(tokenized.ids.size())}};
  } else {
    for (const auto& [from, to] : conversation.supervised) {
      tokenized.supervised.push_back(SpanOf(begins, from, to));
    }
  }
  std::erase_if(tokenized.supervised, [](const Span& span) { return span.begin >= span.end; });
  return tokenized;
}

}  // namespace strata
