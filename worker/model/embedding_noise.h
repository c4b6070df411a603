// Makes the noise that NEFTune adds to the embeddings in training (Jain et al., "NEFTune: Noisy
// Embeddings Improve Instruction Finetuning", 2023) as a pure function of the step's key, row,
// position and channel: never of the rank, the micro-batch or the number of threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "worker/model/packed_tokens.h"

namespace strata {

// fp32 [T, channels] on the CPU: uniform in ±alpha / √(L · channels), L being the tokens of the
// example that a token is of.
at::Tensor EmbeddingNoise(uint64_t step_key, double alpha, const PackedTokens& tokens,
                          int64_t channels);

}  // namespace strata
