// Turns the examples of a dataset into token ids once, in parallel, and keeps them in a file by
// content. Takes a Dataset, gives the plan lengths and the shards ids. Workers never see text.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/catalog/catalog.h"
#include "coordinator/config/config.h"
#include "coordinator/tokens/dataset_tokens.h"

namespace strata {

// Called now and then from one thread while tokenising.
using TokenizeProgress = std::function<void(uint64_t bytes_done, uint64_t bytes_total)>;

// Tokenises for one branch: its tokenizer, its template, its settings.
// Threads: one at a time; TokensOf uses all cores by itself.
class TokenStore {
 public:
  // Errors as TokenizerSettingsOf and ExampleTokenizer::Open.
  static absl::StatusOr<TokenStore> Open(const Config& config);
  ~TokenStore();
  TokenStore(TokenStore&&) noexcept;

  // From the cache, else tokenised with all cores and cached; a cache that is not whole is made
  // anew. OUT_OF_RANGE naming file and line when an example is longer than max_length and
  // excess_length_strategy is `raise`, or an id does not fit the base's vocabulary; UNAVAILABLE
  // when the dataset is no longer what the catalog saw.
  absl::StatusOr<DatasetTokens> TokensOf(const Dataset& dataset,
                                         const TokenizeProgress& progress) const;

  // The text of the template that renders conversations: chat_template.jinja beside each version.
  const std::string& chat_template() const;
  // As TemplateWarnings.
  std::vector<std::string> template_warnings() const;
  // SHA-256 over tokenizer, template and the settings that decide ids and supervision: the cache's
  // key beside the dataset's own digest.
  const Digest& fingerprint() const;

 private:
  struct Impl;
  explicit TokenStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata
