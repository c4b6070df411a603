// Cuts a rank's rows of a step into micro-batches and packs each for the decoder. Takes StepWork,
// gives PackedTokens.
#pragma once

#include <vector>

#include "worker/model/packed_tokens.h"
#include "worker/train/step_work.h"

namespace strata {

// Up to `rows_max` rows each, ascending by row index; none when there is no row. Throws
// std::invalid_argument naming the row when its lengths do not add up or a span leaves it or
// supervises an example's first token. REQUIRES: rows_max > 0.
std::vector<PackedTokens> MicroBatches(const std::vector<TrainingRow>& rows, uint32_t rows_max);

}  // namespace strata
