#include "coordinator/tokens/streamed_text.h"

#include <cstddef>

#include "common/status_macros.h"

namespace strata {
namespace {

constexpr std::string_view kReplacement =
    "\xEF\xBF\xBD";  // U+FFFD: bytes that are no character yet

}  // namespace

absl::StatusOr<std::string> StreamedText::Add(const std::vector<uint32_t>& ids, bool last) {
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  RETURN_IF_ERROR(Decode());
  if (!Certain(last).starts_with(given_)) {
    // A byte behind a character takes its run's characters back, until it has become one itself.
    if (Certain(last).size() < text_.size()) return "";
    // It never will: what was given stays, and what follows is decoded without it.
    kept_ = given_;
    begin_ = given_ids_;
    RETURN_IF_ERROR(Decode());
  }
  const std::string_view certain = Certain(last);
  if (certain.size() == text_.size()) given_ids_ = ids_.size();
  const std::string piece(certain.substr(given_.size()));
  given_ += piece;
  return piece;
}

absl::Status StreamedText::Decode() {
  const auto begin = ids_.begin() + static_cast<std::ptrdiff_t>(begin_);
  ASSIGN_OR_RETURN(const std::string decoded, tokenizer_->Decode({begin, ids_.end()}));
  text_ = kept_ + decoded;
  return absl::OkStatus();
}

std::string_view StreamedText::Certain(bool last) const {
  std::string_view certain = text_;
  while (!last && certain.size() > kept_.size() && certain.ends_with(kReplacement))
    certain.remove_suffix(kReplacement.size());
  return certain;
}

}  // namespace strata
