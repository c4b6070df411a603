#include "coordinator/tokens/token_store.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/config_json.h"
#include "common/huggingface/tokenizer.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/tokens/conversation_text.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr int kTokensFormat = 1;  // of what the ids of an example are; a change makes caches anew
constexpr size_t kBlockExamples = 4096;  // held in memory at once

std::string FileText(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

// "eos_token": "</s>" or {"content": "</s>"}; "" when there is none.
std::string NamedToken(const fs::path& folder, const char* key) {
  const auto json = ParseJson(FileText(folder / "tokenizer_config.json"), "tokenizer_config.json");
  if (!json.ok() || !json->is_object() || !json->contains(key)) return "";
  const Json& token = (*json)[key];
  if (token.is_string()) return token.get<std::string>();
  return token.is_object() && token.contains("content") && token["content"].is_string()
             ? token["content"].get<std::string>()
             : "";
}

int64_t EosIdOfConfig(const fs::path& folder) {
  const auto json = ParseJson(FileText(folder / "config.json"), "config.json");
  if (!json.ok() || !json->is_object() || !json->contains("eos_token_id")) return -1;
  const Json& id = (*json)["eos_token_id"];
  return id.is_number_integer() ? id.get<int64_t>() : -1;
}

}  // namespace

struct TokenStore::Impl {
  Config config;
  Tokenizer tokenizer;
  ChatTemplate chat_template;
  std::string template_text = kDefaultChatTemplate;
  std::string eos_token;
  uint32_t eos_id = 0;
  int64_t vocab_size = 0;
  Digest fingerprint;

  absl::StatusOr<TokenizedExample> Tokenize(const Example& example) const;
  absl::Status TokenizeBlock(const Dataset& dataset, size_t begin, size_t end,
                             TokenFileWriter* writer) const;
  absl::Status TokenizeRange(const Dataset& dataset, size_t begin,
                             const std::vector<std::string>& lines, std::pair<size_t, size_t> range,
                             std::vector<TokenizedExample>* out) const;
  absl::Status Check(const Dataset& dataset, size_t index, const TokenizedExample& example) const;
};

absl::StatusOr<TokenizedExample> TokenStore::Impl::Tokenize(const Example& example) const {
  ASSIGN_OR_RETURN(const ConversationText conversation, TextOf(example, chat_template, eos_token));
  ASSIGN_OR_RETURN(Encoding encoding, tokenizer.Encode(conversation.text));
  TokenizedExample tokenized;
  tokenized.ids = std::move(encoding.ids);
  if (tokenized.ids.empty() || tokenized.ids.back() != eos_id) {
    tokenized.ids.push_back(eos_id);
    encoding.begins.push_back(static_cast<uint32_t>(conversation.text.size()));
  }
  const auto total = static_cast<uint32_t>(tokenized.ids.size());
  if (!config.completion_only_loss) {
    if (total > 1) tokenized.supervised = {{1, total}};
    return tokenized;
  }
  for (const auto& [from, to] : conversation.supervised) {
    Span span{total, total};
    for (uint32_t i = total; i-- > 0;) {
      const uint32_t begin = encoding.begins[i];
      // The closing token begins where the text ends, and belongs to the last span.
      const bool inside = begin >= from && (begin < to || (i + 1 == total && begin <= to));
      if (inside && span.begin == total) span.end = i + 1;
      if (inside) span.begin = i;
    }
    span.begin = std::max(span.begin, 1u);
    if (span.begin < span.end) tokenized.supervised.push_back(span);
  }
  return tokenized;
}

absl::Status TokenStore::Impl::Check(const Dataset& dataset, size_t index,
                                     const TokenizedExample& example) const {
  const std::string at = absl::StrCat(dataset.path.string(), ":", dataset.examples[index].line);
  const uint32_t largest = *std::max_element(example.ids.begin(), example.ids.end());
  if (largest >= vocab_size) {
    return absl::OutOfRangeError(
        absl::StrCat(at, ": token id ", largest, " is beyond the base's vocabulary of ", vocab_size,
                     ": tokenizer.json and config.json do not belong together"));
  }
  if (config.excess_length_strategy == ExcessLength::kRaise &&
      example.ids.size() > config.max_length) {
    return absl::OutOfRangeError(absl::StrCat(at, ": ", example.ids.size(),
                                              " tokens, max_length is ", config.max_length,
                                              "; raise it, or set excess_length_strategy to "
                                              "truncate or drop"));
  }
  return absl::OkStatus();
}

absl::Status TokenStore::Impl::TokenizeRange(const Dataset& dataset, size_t begin,
                                             const std::vector<std::string>& lines,
                                             std::pair<size_t, size_t> range,
                                             std::vector<TokenizedExample>* out) const {
  ExampleReader reader;
  Example example;
  for (size_t i = range.first; i < range.second; ++i) {
    RETURN_IF_ERROR(reader.Read(lines[i], &example));
    ASSIGN_OR_RETURN((*out)[i], Tokenize(example));
    RETURN_IF_ERROR(Check(dataset, begin + i, (*out)[i]));
  }
  return absl::OkStatus();
}

absl::Status TokenStore::Impl::TokenizeBlock(const Dataset& dataset, size_t begin, size_t end,
                                             TokenFileWriter* writer) const {
  std::ifstream stream(dataset.path, std::ios::binary);
  std::vector<std::string> lines(end - begin);
  for (size_t i = 0; i < lines.size(); ++i) {
    lines[i].resize(dataset.examples[begin + i].bytes);
    stream.seekg(static_cast<std::streamoff>(dataset.examples[begin + i].offset));
    if (!stream.read(lines[i].data(), static_cast<std::streamsize>(lines[i].size()))) {
      return absl::UnavailableError(
          absl::StrCat("cannot read ", dataset.path.string(), ": did it change meanwhile?"));
    }
  }
  std::vector<TokenizedExample> tokenized(lines.size());
  const size_t threads =
      std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 1 + lines.size() / 64);
  std::vector<absl::Status> statuses(threads);
  std::vector<std::thread> workers;
  for (size_t t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      const std::pair<size_t, size_t> range{lines.size() * t / threads,
                                            lines.size() * (t + 1) / threads};
      statuses[t] = TokenizeRange(dataset, begin, lines, range, &tokenized);
    });
  }
  for (std::thread& worker : workers) worker.join();
  for (const absl::Status& status : statuses) RETURN_IF_ERROR(status);
  for (const TokenizedExample& example : tokenized) writer->Append(example);
  return absl::OkStatus();
}

TokenStore::TokenStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TokenStore::~TokenStore() = default;
TokenStore::TokenStore(TokenStore&&) noexcept = default;

absl::StatusOr<TokenStore> TokenStore::Open(const Config& config) {
  const fs::path& base = config.model_name_or_path;
  ASSIGN_OR_RETURN(const ModelConfig model, ReadModelConfig(base));
  ASSIGN_OR_RETURN(Tokenizer tokenizer, Tokenizer::FromFile(base / "tokenizer.json"));
  ASSIGN_OR_RETURN(ChatTemplate chat_template, ChatTemplate::Compile(kDefaultChatTemplate));
  auto impl = std::make_unique<Impl>(Impl{.config = config,
                                          .tokenizer = std::move(tokenizer),
                                          .chat_template = std::move(chat_template),
                                          .eos_token = NamedToken(base, "eos_token"),
                                          .vocab_size = model.vocab_size,
                                          .fingerprint = {}});
  const int64_t eos =
      impl->eos_token.empty() ? EosIdOfConfig(base) : impl->tokenizer.IdOf(impl->eos_token);
  if (eos < 0 || eos >= model.vocab_size) {
    return absl::FailedPreconditionError(
        absl::StrCat(base.string(),
                     " names no end-of-sequence token: set eos_token in its tokenizer_config.json "
                     "to a token that "
                     "tokenizer.json has"));
  }
  impl->eos_id = static_cast<uint32_t>(eos);
  ASSIGN_OR_RETURN(const Digest tokenizer_digest, Sha256OfFile(base / "tokenizer.json"));
  impl->fingerprint =
      Sha256Of(absl::StrCat(kTokensFormat, "\n", tokenizer_digest.Hex(), "\n", impl->template_text,
                            "\n", impl->eos_token, "\n", eos, "\n", config.completion_only_loss));
  return TokenStore(std::move(impl));
}

absl::StatusOr<DatasetTokens> TokenStore::TokensOf(const Dataset& dataset,
                                                   const TokenizeProgress& progress) const {
  const fs::path file =
      impl_->config.CacheDir() / "tokens" /
      absl::StrCat(dataset.sha256.Hex(), "-", impl_->fingerprint.Hex().substr(0, 16), ".tokens");
  const auto open = [&] {
    return DatasetTokens::Open(file, impl_->config.max_length,
                               impl_->config.excess_length_strategy);
  };
  const bool may_raise = impl_->config.excess_length_strategy == ExcessLength::kRaise;
  if (auto cached = open();
      cached.ok() && !may_raise && cached->counts().size() == dataset.examples.size()) {
    return cached;
  }
  ASSIGN_OR_RETURN(TokenFileWriter writer, TokenFileWriter::Create(file));
  for (size_t begin = 0; begin < dataset.examples.size(); begin += kBlockExamples) {
    const size_t end = std::min(begin + kBlockExamples, dataset.examples.size());
    RETURN_IF_ERROR(impl_->TokenizeBlock(dataset, begin, end, &writer));
    if (progress)
      progress(dataset.examples[end - 1].offset + dataset.examples[end - 1].bytes, dataset.bytes);
  }
  RETURN_IF_ERROR(writer.Finish());
  return open();
}

const std::string& TokenStore::chat_template() const { return impl_->template_text; }
const Digest& TokenStore::fingerprint() const { return impl_->fingerprint; }

}  // namespace strata
