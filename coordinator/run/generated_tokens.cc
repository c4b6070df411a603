#include "coordinator/run/generated_tokens.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {

absl::Status GeneratedTokens::Take(const v1::ReportGenerationRequest& report) {
  for (const v1::GeneratedTokens& tokens : report.tokens()) RETURN_IF_ERROR(Take(tokens));
  return absl::OkStatus();
}

absl::Status GeneratedTokens::Take(const v1::GeneratedTokens& tokens) {
  if (tokens.prompt() >= answers_.size() || !v1::GenerationEnd_IsValid(tokens.end()))
    return absl::InvalidArgumentError(absl::StrCat("the task has no prompt ", tokens.prompt()));
  Answer& answer = answers_[tokens.prompt()];
  const uint64_t begin = tokens.position(), end = begin + tokens.ids_size();
  const bool ends = tokens.end() != v1::GENERATION_END_UNSPECIFIED;
  if (begin > answer.known || (answer.ended && end > answer.known) || (ends && end < answer.known))
    return absl::InvalidArgumentError(absl::StrCat("tokens ", begin, " to ", end, " of prompt ",
                                                   tokens.prompt(), " do not follow on the ",
                                                   answer.known, " known"));
  for (uint64_t i = answer.known; i < end; ++i) {
    answer.fresh.ids.push_back(tokens.ids(static_cast<int>(i - begin)));
    answer.changed = true;
  }
  answer.known = std::max(answer.known, end);
  if (!ends || answer.ended) return absl::OkStatus();
  ++ended_;
  answer.ended = answer.fresh.ended = answer.changed = true;
  answer.fresh.by_stop_token = tokens.end() == v1::GENERATION_END_STOP_TOKEN;
  answer.fresh.seconds = tokens.seconds();
  return absl::OkStatus();
}

std::vector<TokenPiece> GeneratedTokens::NewPieces() {
  std::vector<TokenPiece> pieces;
  for (size_t i = 0; i < answers_.size(); ++i) {
    if (!std::exchange(answers_[i].changed, false)) continue;
    answers_[i].fresh.prompt = i;
    pieces.push_back(std::exchange(answers_[i].fresh, {}));
  }
  return pieces;
}

}  // namespace strata
