// Keeps the tokens that a generating worker has reported, each once, and gives them on as they
// come. The run's driver fills it from the rpc and empties it into its input's callback.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "strata/v1/training.pb.h"

namespace strata {

// What has come of one prompt since the piece before.
struct TokenPiece {
  size_t prompt = 0;
  std::vector<uint32_t> ids;  // may be none when only the end has come
  bool ended = false;
  bool by_stop_token = false;  // else by length; with `ended`
  double seconds = 0;          // since the worker began the prompt; with `ended`
};

class GeneratedTokens {
 public:
  explicit GeneratedTokens(size_t prompts) : answers_(prompts) {}
  // What is known already is ignored. INVALID_ARGUMENT, and neither it nor what follows is taken,
  // for tokens of a prompt that there is not, that leave a hole behind those known, or that come
  // after the prompt's end.
  absl::Status Take(const v1::ReportGenerationRequest& report);
  // Every prompt has its end.
  bool complete() const { return ended_ == answers_.size(); }
  // What was taken since the last call, by prompt; each at most once.
  std::vector<TokenPiece> NewPieces();

 private:
  struct Answer {
    uint64_t known = 0;  // tokens
    bool ended = false;
    bool changed = false;  // since the last NewPieces
    TokenPiece fresh;
  };
  absl::Status Take(const v1::GeneratedTokens& tokens);

  std::vector<Answer> answers_;
  size_t ended_ = 0;  // answers
};

}  // namespace strata
