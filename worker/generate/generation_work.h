// Holds what is to be generated and what came of it: plain values, known to those who bring them
// over the wire and to the loop that generates. Needs neither libtorch nor gRPC.
#pragma once

#include <cstdint>
#include <vector>

#include "common/sampling.h"

namespace strata {

struct GenerationWork {
  std::vector<std::vector<int64_t>> prompts;  // token ids; none is empty
  Sampling sampling;
  int64_t max_new_tokens = 1;     // per prompt, ≥ 1
  std::vector<int64_t> stop_ids;  // end an answer and are no part of it
  int64_t batch_size = 1;         // prompts that are continued at once, ≥ 1; memory only
};

enum class GenerationEnd { kNone, kStopToken, kLength };

// What one pass gave to one prompt.
struct GeneratedToken {
  uint32_t prompt = 0;
  uint32_t position = 0;  // from 0 at the first new token
  int64_t id = -1;        // -1: no token, only the end
  GenerationEnd end = GenerationEnd::kNone;
  double seconds = 0;  // with an end: since the prompt was begun
};

}  // namespace strata
