// Picks the next token from a model's logits: the likeliest, or one drawn by a key, so that a draw
// depends on what it is for and never on what else is generated beside it. Takes logits on the CPU,
// gives the generation loop an id. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_set>

#include "worker/generate/generation_work.h"

namespace strata {

// What a draw is for.
struct DrawPlace {
  uint32_t prompt = 0, position = 0;
};

// As transformers' RepetitionPenaltyLogitsProcessor (Keskar et al., CTRL, 2019): the positive
// logits of `met` are divided by the penalty, the others multiplied. Ids beyond the logits are
// ignored.
void PenaliseRepetition(std::span<float> logits_V, const std::unordered_set<int64_t>& met,
                        double penalty);

// Temperature 0: the first of the largest logits. Else a draw by softmax(logits / temperature),
// after top_k and then top_p, as transformers orders them; of equal logits the smaller id is the
// likelier. At least one token stays. Throws std::runtime_error when a logit is not a number or
// none is finite. REQUIRES: !logits_V.empty().
int64_t PickToken(std::span<const float> logits_V, const Sampling& sampling, DrawPlace place);

}  // namespace strata
