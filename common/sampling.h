// Says how the next token is picked from a model's logits. The command line fills it, the worker
// picks by it. Needs nothing but the standard library.
#pragma once

#include <cstdint>

namespace strata {

struct Sampling {
  double temperature = 0;  // ≥ 0; 0 takes the likeliest, else the logits are divided by it
  uint32_t top_k = 0;      // draw among so many of the likeliest; 0 is all
  double top_p = 1;        // 0 < p ≤ 1: of these, the likeliest that together have this share
  double repetition_penalty = 1;  // > 0: what was met before has its logit divided or multiplied
  uint64_t seed = 42;             // a draw is keyed by (seed, prompt, position)
};

}  // namespace strata
