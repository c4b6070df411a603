#include "coordinator/tokens/example_tokenizer.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config_json.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/tokens/stop_tokens.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr int kTokensFormat = 4;  // of what the ids of an example are; a change makes caches anew
constexpr uint64_t kJsonBytesMax = 16 << 20;

// The field `key` of a JSON file; null when there is no such file or field.
Json FieldOf(const fs::path& file, const char* key) {
  const absl::StatusOr<std::string> text = ReadFile(file, kJsonBytesMax);
  if (!text.ok()) return Json();
  const absl::StatusOr<Json> json = ParseJson(*text, file.string());
  return json.ok() && json->is_object() && json->contains(key) ? (*json)[key] : Json();
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

// From the first token that holds the byte `from` to the first that holds the byte before `to`: as
// transformers counts what a template marks, equal to the token where a character has several.
Span CoverOf(const Encoding& encoding, uint32_t from, uint32_t to) {
  const auto total = static_cast<uint32_t>(encoding.ids.size());
  uint32_t begin = 1;
  while (begin < total && encoding.ends[begin] <= from) ++begin;
  uint32_t end = begin;
  while (end < total && encoding.ends[end] < to) ++end;
  return {begin, std::min(end + 1, total)};
}

// A template that names the day writes other ids tomorrow.
std::string DayIn(const std::string& template_text) {
  if (template_text.find("strftime_now") == std::string::npos) return "";
  const std::time_t now = std::time(nullptr);
  std::tm day;
  char text[16];
  localtime_r(&now, &day);
  return {text, std::strftime(text, sizeof text, "%F", &day)};
}

Learnt LearntOf(const Config& config) {
  const bool answers = config.assistant_only_loss.value_or(config.completion_only_loss);
  if (answers) return config.completion_only_loss ? Learnt::kAnswers : Learnt::kEveryAnswer;
  return config.completion_only_loss ? Learnt::kCompletion : Learnt::kAll;
}

bool IsBlankBetween(std::string_view text, uint32_t from, uint32_t to) {
  return from >= to || IsBlank(text.substr(from, to - from));
}

bool Contains(const std::vector<uint32_t>& ids, uint32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

absl::StatusOr<TokenizerSettings> TokenizerSettingsOf(const Config& config) {
  ASSIGN_OR_RETURN(TemplateSource chosen,
                   ChosenTemplate(config.model_name_or_path, config.chat_template));
  return TokenizerSettings{std::move(chosen), LearntOf(config)};
}

absl::StatusOr<ExampleTokenizer> ExampleTokenizer::Open(const fs::path& base,
                                                        const TokenizerSettings& settings) {
  ASSIGN_OR_RETURN(const ModelConfig model, ReadModelConfig(base));
  ASSIGN_OR_RETURN(Tokenizer tokenizer, Tokenizer::FromFile(base / "tokenizer.json"));
  absl::StatusOr<ChatTemplate> compiled = ChatTemplate::Compile(settings.chat_template.text);
  if (!compiled.ok()) {
    return absl::DataLossError(
        absl::StrCat(settings.chat_template.origin, ": ", compiled.status().message()));
  }
  ExampleTokenizer opened(std::move(tokenizer), *std::move(compiled));
  opened.template_text_ = settings.chat_template.text;
  opened.learnt_ = settings.learnt;
  opened.vocab_size_ = model.vocab_size;
  opened.style_.bare = opened.template_text_ != kDefaultChatTemplate;
  opened.style_.tokens = NamedTokens(base);
  RETURN_IF_ERROR(opened.FindEos(base));
  ASSIGN_OR_RETURN(opened.base_stop_ids_, StopTokens(base, opened.eos_id_));
  opened.stop_ids_ = opened.base_stop_ids_;
  if (opened.style_.bare) opened.FindTurnEnd();
  ASSIGN_OR_RETURN(const Digest file, Sha256OfFile(base / "tokenizer.json"));
  opened.fingerprint_ = Sha256Of(
      absl::StrCat(kTokensFormat, "\n", file.Hex(), "\n", opened.template_text_, "\n",
                   DumpJson(opened.style_.tokens), "\n", absl::StrJoin(opened.stop_ids_, ","), "\n",
                   absl::StrJoin(opened.base_stop_ids_, ","), "\n", opened.vocab_size_, "\n",
                   static_cast<int>(opened.learnt_), "\n", DayIn(opened.template_text_)));
  return opened;
}

absl::Status ExampleTokenizer::FindEos(const fs::path& base) {
  eos_token_ = JsonString(style_.tokens, "eos_token", "tokens").value_or("");
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
  // The built-in template closes every answer with it, not only the last.
  if (eos_token_.empty()) eos_token_ = tokenizer_.TokenOf(eos_id_);
  if (!style_.bare) style_.tokens["eos_token"] = eos_token_;
  return absl::OkStatus();
}

// The first token behind an answer that is one of its own, whatever text is around it.
void ExampleTokenizer::FindTurnEnd() {
  const absl::StatusOr<std::string> closing = ClosingTextOf({{"user", "?"}}, style_);
  if (!closing.ok()) return;
  const absl::StatusOr<Encoding> encoding = tokenizer_.EncodeBare(*closing);
  for (size_t i = 0; encoding.ok() && i < encoding->ids.size(); ++i) {
    if (!tokenizer_.IsAdded(encoding->ids[i])) continue;
    const uint32_t begin = encoding->begins[i];
    style_.turn_end = closing->substr(begin, encoding->ends[i] - begin);
    if (!IsStop(encoding->ids[i])) stop_ids_.push_back(encoding->ids[i]);
    return;
  }
}

bool ExampleTokenizer::IsStop(uint32_t id) const { return Contains(stop_ids_, id); }

absl::Status ExampleTokenizer::CheckIds(const std::vector<uint32_t>& ids) const {
  const uint32_t largest = ids.empty() ? 0 : *std::max_element(ids.begin(), ids.end());
  if (largest < vocab_size_) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("token id ", largest, " is beyond the base's vocabulary of ", vocab_size_,
                   ": tokenizer.json and config.json do not belong together"));
}

absl::StatusOr<std::vector<uint32_t>> ExampleTokenizer::TokenizePrompt(
    const std::vector<Message>& messages) const {
  ASSIGN_OR_RETURN(const std::string text, PromptTextOf(messages, style_));
  if (!style_.bare) return TokenizeOpen(text);
  ASSIGN_OR_RETURN(Encoding encoding, tokenizer_.EncodeBare(text));
  RETURN_IF_ERROR(CheckIds(encoding.ids));
  return std::move(encoding.ids);
}

absl::StatusOr<std::vector<uint32_t>> ExampleTokenizer::TokenizeOpen(std::string_view text) const {
  ASSIGN_OR_RETURN(Encoding encoding, tokenizer_.Encode(text));
  // What the tokenizer's own post-processor closes a text with is not there before the answer is.
  if (encoding.ids.size() > 1 && encoding.ids.back() == eos_id_ && encoding.begins.back() == 0)
    encoding.ids.pop_back();
  RETURN_IF_ERROR(CheckIds(encoding.ids));
  return std::move(encoding.ids);
}

// A text that the tokenizer puts its own tokens around, and that the end-of-sequence token closes.
absl::StatusOr<TokenizedExample> ExampleTokenizer::TokenizeClosed(
    const ConversationText& conversation, bool all) const {
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
  if (all) tokenized.supervised = {{1, static_cast<uint32_t>(tokenized.ids.size())}};
  for (const auto& [from, to] : conversation.supervised)
    tokenized.supervised.push_back(SpanOf(begins, from, to));
  return tokenized;
}

// Appends the end-of-sequence token where nothing else has closed the conversation.
void ExampleTokenizer::Close(const ConversationText& conversation, const Encoding& encoding,
                             TokenizedExample* tokenized) const {
  const auto text_end = static_cast<uint32_t>(conversation.text.size());
  const auto total = static_cast<uint32_t>(tokenized->ids.size());
  uint32_t last = total;  // one behind it
  while (last > 0 && IsBlankBetween(conversation.text, encoding.begins[last - 1], text_end)) --last;
  if (last > 0 && Contains(base_stop_ids_, tokenized->ids[last - 1])) return;
  tokenized->ids.push_back(eos_id_);
  std::vector<Span>& spans = tokenized->supervised;
  // What lies between the answer and the token is generated before it.
  const bool reaches = !spans.empty() && (!conversation.marked || spans.back().end == total);
  if (reaches) {
    spans.back().end = total + 1;
  } else {
    spans.push_back({std::max(total, 1U), total + 1});
  }
}

// A text with every special token in it.
absl::StatusOr<TokenizedExample> ExampleTokenizer::TokenizeBare(
    const ConversationText& conversation) const {
  ASSIGN_OR_RETURN(const Encoding encoding, tokenizer_.EncodeBare(conversation.text));
  TokenizedExample tokenized;
  tokenized.ids = encoding.ids;
  for (const auto& [from, to] : conversation.supervised) {
    Span span =
        conversation.marked ? CoverOf(encoding, from, to) : SpanOf(encoding.begins, from, to);
    // White space behind the token that closes the turn is never asked for.
    uint32_t end = span.end;
    while (end > span.begin && !IsStop(encoding.ids[end - 1])) --end;
    const bool closes = !conversation.marked && end > span.begin;
    if (closes && IsBlankBetween(conversation.text, encoding.ends[end - 1], to)) span.end = end;
    tokenized.supervised.push_back(span);
  }
  if (learnt_ == Learnt::kAll)
    tokenized.supervised = {{1, static_cast<uint32_t>(tokenized.ids.size())}};
  Close(conversation, encoding, &tokenized);
  return tokenized;
}

absl::StatusOr<TokenizedExample> ExampleTokenizer::Tokenize(const Example& example) const {
  ASSIGN_OR_RETURN(const ConversationText conversation, TextOf(example, style_, learnt_));
  const bool all = learnt_ == Learnt::kAll && !example.is_text();
  ASSIGN_OR_RETURN(TokenizedExample tokenized, conversation.bare
                                                   ? TokenizeBare(conversation)
                                                   : TokenizeClosed(conversation, all));
  RETURN_IF_ERROR(CheckIds(tokenized.ids));
  std::erase_if(tokenized.supervised, [](const Span& span) { return span.begin >= span.end; });
  return tokenized;
}

}  // namespace strata
