#include "coordinator/tokens/streamed_text.h"

#include <string_view>

#include "common/status_macros.h"

namespace strata {
namespace {

constexpr std::string_view kReplacement =
    "\xEF\xBF\xBD";  // U+FFFD: bytes that are no character yet

}  // namespace

absl::StatusOr<std::string> StreamedText::Add(const std::vector<uint32_t>& ids, bool last) {
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  ASSIGN_OR_RETURN(text_, tokenizer_->Decode(ids_));
  std::string_view certain = text_;
  while (!last && certain.ends_with(kReplacement)) certain.remove_suffix(kReplacement.size());
  // A decoder that is about to change what it gave before is waited for.
  if (!certain.starts_with(given_)) return "";
  const std::string piece(certain.substr(given_.size()));
  given_ += piece;
  return piece;
}

}  // namespace strata
