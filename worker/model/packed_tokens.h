// Holds one micro-batch as the decoder reads it: the tokens of all its rows end to end, without
// padding.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/model/keyed_dropout.h"

namespace strata {

struct PackedTokens {
  std::vector<int64_t> ids;
  std::vector<TokenPlace> places;        // of each token, for its dropout
  std::vector<int64_t> example_lengths;  // they add up to the ids
  std::vector<int64_t> predictors;       // tokens whose hidden state predicts a target, ascending
  std::vector<int64_t> targets;          // what each should predict
};

}  // namespace strata
