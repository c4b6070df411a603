// Shows the tokens of a dataset as one branch trains them: cut to max_length, refused where nothing
// is to be learnt. Takes a token file and settings, gives the plan its counts and the shards their
// ids.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/config/config.h"
#include "coordinator/tokens/token_file.h"

namespace strata {

// Why an example of the catalog is not trained.
enum class Refusal : uint8_t { kNone, kTooLong, kNothingSupervised };

// What the plan needs of an example, after excess_length_strategy.
struct TokenCount {
  uint32_t tokens = 0;
  uint32_t supervised = 0;
  Refusal refusal = Refusal::kNone;
  bool truncated = false;  // it was longer than max_length
};

class DatasetTokens {
 public:
  // `kRaise` is the token store's to refuse; here it is as `kDrop`. DATA_LOSS when the file is not
  // whole.
  static absl::StatusOr<DatasetTokens> Open(const std::filesystem::path& file, uint32_t max_length,
                                            ExcessLength strategy);

  // One per good line, in the order of Dataset::examples.
  const std::vector<TokenCount>& counts() const { return counts_; }
  // Cut to max_length as counts() says. REQUIRES: example < counts().size(). DATA_LOSS when the
  // file changed.
  absl::StatusOr<TokenizedExample> Read(uint32_t example) const;
  const std::filesystem::path& file() const { return file_.path(); }

 private:
  explicit DatasetTokens(TokenFile file) : file_(std::move(file)) {}
  TokenFile file_;
  std::vector<TokenCount> counts_;
  uint32_t max_length_ = 0;
};

}  // namespace strata
