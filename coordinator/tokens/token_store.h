// Turns the examples of a dataset into token ids once, in parallel, and keeps them in a file by content.
// Takes a Dataset, gives the plan lengths and the shards ids. Workers never see text.
//
// Durability: a cache file is written beside its place and renamed; a file that is not whole is made again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/catalog/catalog.h"
#include "coordinator/config/config.h"

namespace strata {

// Half-open, in tokens of the example; never holds token 0, which nothing predicts.
struct Span {
  uint32_t begin = 0, end = 0;
};

struct TokenizedExample {
  std::vector<uint32_t> ids;     // ends with the end-of-sequence token unless truncated
  std::vector<Span> supervised;  // in order, disjoint
};

// Why an example of the catalog is not trained.
enum class Refusal : uint8_t { kNone, kTooLong, kNothingSupervised };

// What the plan needs of an example, after excess_length_strategy.
struct TokenCount {
  uint32_t tokens = 0;
  uint32_t supervised = 0;
  Refusal refusal = Refusal::kNone;
};

// The tokens of one dataset, opened.
class DatasetTokens {
 public:
  DatasetTokens(std::filesystem::path file, std::vector<uint64_t> offsets, std::vector<TokenCount> counts,
                uint32_t max_length);
  ~DatasetTokens();
  DatasetTokens(DatasetTokens&&) noexcept;

  // One per good line, in the order of Dataset::examples.
  const std::vector<TokenCount>& counts() const { return counts_; }
  // Cut to max_length as counts() says. REQUIRES: example < counts().size(). DATA_LOSS when the file changed.
  absl::StatusOr<TokenizedExample> Read(uint32_t example) const;
  // To keep a run's tokens beside it: hard link, else copy.
  const std::filesystem::path& file() const { return file_; }

 private:
  std::filesystem::path file_;
  int descriptor_ = -1;
  std::vector<uint64_t> offsets_;
  std::vector<TokenCount> counts_;
  uint32_t max_length_ = 0;
};

// Called now and then from one thread while tokenising.
using TokenizeProgress = std::function<void(uint64_t bytes_done, uint64_t bytes_total)>;

// Tokenises for one branch: its tokenizer, its template, its settings.
class TokenStore {
 public:
  // NOT_FOUND when the base has no tokenizer.json; FAILED_PRECONDITION when it has no end-of-sequence token.
  static absl::StatusOr<TokenStore> Open(const Config& config);
  ~TokenStore();
  TokenStore(TokenStore&&) noexcept;

  // From the cache, else tokenised with all cores and cached. OUT_OF_RANGE naming file and line when an example is
  // longer than max_length and excess_length_strategy is `raise`, or an id does not fit the base's vocabulary.
  absl::StatusOr<DatasetTokens> TokensOf(const Dataset& dataset, const TokenizeProgress& progress) const;
  // Opens the copy that a run kept; no tokenizer is needed.
  static absl::StatusOr<DatasetTokens> OpenFile(const std::filesystem::path& file, const Config& config);

  // The text of the template that renders conversations: chat_template.jinja beside each version.
  const std::string& chat_template() const;
  // SHA-256 over tokenizer, template and the settings that decide ids and supervision: the cache's key beside the
  // dataset's own digest.
  const Digest& fingerprint() const;

 private:
  struct Impl;
  explicit TokenStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata
