#include "coordinator/tokens/dataset_tokens.h"

#include <algorithm>

#include "common/status_macros.h"

namespace strata {
namespace {

void Truncate(uint32_t max_length, TokenizedExample* example) {
  if (example->ids.size() <= max_length) return;
  example->ids.resize(max_length);
  std::vector<Span> kept;
  for (const Span& span : example->supervised) {
    const uint32_t end = std::min(span.end, max_length);
    if (span.begin < end) kept.push_back({span.begin, end});
  }
  example->supervised = std::move(kept);
}

uint32_t Supervised(const TokenizedExample& example) {
  uint32_t count = 0;
  for (const Span& span : example.supervised) count += span.end - span.begin;
  return count;
}

}  // namespace

absl::StatusOr<DatasetTokens> DatasetTokens::Open(const std::filesystem::path& file,
                                                  uint32_t max_length, ExcessLength strategy) {
  ASSIGN_OR_RETURN(TokenFile opened, TokenFile::Open(file));
  DatasetTokens tokens(std::move(opened));
  tokens.max_length_ = max_length;
  tokens.counts_.reserve(tokens.file_.index().size());
  for (uint32_t i = 0; i < tokens.file_.index().size(); ++i) {
    const TokenIndex& index = tokens.file_.index()[i];
    TokenCount count{.tokens = index.tokens, .supervised = index.supervised};
    if (count.tokens > max_length && strategy == ExcessLength::kTruncate) {
      ASSIGN_OR_RETURN(TokenizedExample example, tokens.file_.Read(i));
      Truncate(max_length, &example);
      count.tokens = max_length;
      count.supervised = Supervised(example);
      count.truncated = true;
    } else if (count.tokens > max_length) {
      count.refusal = Refusal::kTooLong;
    }
    if (count.refusal == Refusal::kNone && count.supervised == 0)
      count.refusal = Refusal::kNothingSupervised;
    tokens.counts_.push_back(count);
  }
  return tokens;
}

absl::StatusOr<TokenizedExample> DatasetTokens::Read(uint32_t example) const {
  ASSIGN_OR_RETURN(TokenizedExample read, file_.Read(example));
  Truncate(max_length_, &read);
  return read;
}

}  // namespace strata
