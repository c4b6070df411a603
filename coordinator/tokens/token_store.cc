#include "coordinator/tokens/token_store.h"

#include <algorithm>
#include <fstream>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/tokens/example_tokenizer.h"
#include "coordinator/tokens/template_warnings.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kBlockBytes = 8 << 20;     // of a dataset, held in memory at once
constexpr size_t kExamplesPerThreadMin = 64;  // fewer are not worth a thread

// The examples of a dataset that are tokenised together, and the part of the file they lie in.
struct Block {
  size_t begin = 0, end = 0;
  uint64_t offset = 0;
  std::string bytes;
};

absl::Status At(const Dataset& dataset, size_t example, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(dataset.path.string(), ":", dataset.examples[example].line, ": ",
                                   status.message()));
}

absl::Status Changed(const Dataset& dataset) {
  return absl::UnavailableError(absl::StrCat(
      dataset.path.string(), " changed while it was read; try again when nobody writes it"));
}

// As many examples from `begin` on as lie in kBlockBytes of the file, at least one.
absl::StatusOr<Block> ReadBlock(const Dataset& dataset, size_t begin, std::ifstream* stream) {
  const auto end_of = [&](size_t i) {
    return dataset.examples[i].offset + dataset.examples[i].bytes;
  };
  Block block{begin, begin + 1, dataset.examples[begin].offset, {}};
  while (block.end < dataset.examples.size() && end_of(block.end) - block.offset <= kBlockBytes)
    ++block.end;
  block.bytes.resize(end_of(block.end - 1) - block.offset);
  stream->seekg(static_cast<std::streamoff>(block.offset));
  stream->read(block.bytes.data(), static_cast<std::streamsize>(block.bytes.size()));
  if (!*stream) return Changed(dataset);
  return block;
}

// Tokenises the examples [begin, end) of the dataset, which lie in the block.
absl::Status TokenizeRange(const ExampleTokenizer& tokenizer, const Dataset& dataset,
                           const Block& block, std::pair<size_t, size_t> range,
                           std::vector<TokenizedExample>* out) {
  ExampleReader reader;
  ExampleDigester digester;
  Example example;
  for (size_t i = range.first; i < range.second; ++i) {
    const ExampleEntry& entry = dataset.examples[i];
    const std::string_view line(block.bytes.data() + (entry.offset - block.offset), entry.bytes);
    // What is kept under the dataset's digest must be what the digest was taken of.
    if (!reader.Read(line, &example).ok() || digester.Of(example).content != entry.content)
      return Changed(dataset);
    absl::StatusOr<TokenizedExample> tokenized = tokenizer.Tokenize(example);
    if (!tokenized.ok()) return At(dataset, i, tokenized.status());
    (*out)[i - block.begin] = *std::move(tokenized);
  }
  return absl::OkStatus();
}

// With all cores; the first error in the order of the file.
absl::StatusOr<std::vector<TokenizedExample>> TokenizeBlock(const ExampleTokenizer& tokenizer,
                                                            const Dataset& dataset,
                                                            const Block& block) {
  const size_t count = block.end - block.begin;
  std::vector<TokenizedExample> tokenized(count);
  const size_t threads =
      std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 1 + count / kExamplesPerThreadMin);
  std::vector<absl::Status> statuses(threads);
  std::vector<std::thread> workers;
  for (size_t t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      const std::pair<size_t, size_t> range{block.begin + count * t / threads,
                                            block.begin + count * (t + 1) / threads};
      statuses[t] = TokenizeRange(tokenizer, dataset, block, range, &tokenized);
    });
  }
  for (std::thread& worker : workers) worker.join();
  for (const absl::Status& status : statuses) RETURN_IF_ERROR(status);
  return tokenized;
}

absl::Status TokenizeInto(const fs::path& file, const ExampleTokenizer& tokenizer,
                          const Dataset& dataset, const TokenizeProgress& progress) {
  ASSIGN_OR_RETURN(TokenFileWriter writer, TokenFileWriter::Create(file));
  std::ifstream stream(dataset.path, std::ios::binary);
  for (size_t begin = 0; begin < dataset.examples.size();) {
    ASSIGN_OR_RETURN(const Block block, ReadBlock(dataset, begin, &stream));
    ASSIGN_OR_RETURN(const std::vector<TokenizedExample> tokenized,
                     TokenizeBlock(tokenizer, dataset, block));
    for (const TokenizedExample& example : tokenized) writer.Append(example);
    begin = block.end;
    if (progress) progress(block.offset + block.bytes.size(), dataset.bytes);
  }
  return writer.Finish();
}

}  // namespace

struct TokenStore::Impl {
  ExampleTokenizer tokenizer;
  fs::path folder;
  uint32_t max_length;
  ExcessLength strategy;

  absl::StatusOr<DatasetTokens> OpenFile(const fs::path& file, const Dataset& dataset) const;
};

// DATA_LOSS when the file is not whole or not this dataset's.
absl::StatusOr<DatasetTokens> TokenStore::Impl::OpenFile(const fs::path& file,
                                                         const Dataset& dataset) const {
  ASSIGN_OR_RETURN(DatasetTokens tokens, DatasetTokens::Open(file, max_length, strategy));
  if (tokens.counts().size() != dataset.examples.size())
    return absl::DataLossError(absl::StrCat(file.string(), " holds another number of examples"));
  for (size_t i = 0; strategy == ExcessLength::kRaise && i < tokens.counts().size(); ++i) {
    if (tokens.counts()[i].refusal != Refusal::kTooLong) continue;
    return At(dataset, i,
              absl::OutOfRangeError(
                  absl::StrCat(tokens.counts()[i].tokens, " tokens, max_length is ", max_length,
                               "; raise it, or set excess_length_strategy to truncate or drop")));
  }
  return tokens;
}

TokenStore::TokenStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TokenStore::~TokenStore() = default;
TokenStore::TokenStore(TokenStore&&) noexcept = default;

absl::StatusOr<TokenStore> TokenStore::Open(const Config& config) {
  ASSIGN_OR_RETURN(const TokenizerSettings settings, TokenizerSettingsOf(config));
  ASSIGN_OR_RETURN(ExampleTokenizer tokenizer,
                   ExampleTokenizer::Open(config.model_name_or_path, settings));
  return TokenStore(std::make_unique<Impl>(Impl{std::move(tokenizer), config.CacheDir() / "tokens",
                                                config.max_length, config.excess_length_strategy}));
}

absl::StatusOr<DatasetTokens> TokenStore::TokensOf(const Dataset& dataset,
                                                   const TokenizeProgress& progress) const {
  const fs::path file = impl_->folder / absl::StrCat(dataset.sha256.Hex(), "-",
                                                     fingerprint().Hex().substr(0, 16), ".tokens");
  absl::StatusOr<DatasetTokens> cached = impl_->OpenFile(file, dataset);
  if (!absl::IsNotFound(cached.status()) && !absl::IsDataLoss(cached.status())) return cached;
  RETURN_IF_ERROR(TokenizeInto(file, impl_->tokenizer, dataset, progress));
  return impl_->OpenFile(file, dataset);
}

const std::string& TokenStore::chat_template() const { return impl_->tokenizer.template_text(); }
std::vector<std::string> TokenStore::template_warnings() const {
  return TemplateWarnings(impl_->tokenizer);
}
const Digest& TokenStore::fingerprint() const { return impl_->tokenizer.fingerprint(); }

}  // namespace strata
