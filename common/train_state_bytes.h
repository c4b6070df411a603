// Lays out the state of a training as bytes. A worker's checkpoint is such bytes; the coordinator
// keeps and checks them, and the next attempt's workers go on from them.
//
// Model: a line that names the format, a fixed header of little-endian numbers, then the sections
// of train_state.h as they lie in memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/train_state.h"

namespace strata {

// Bytes of the line and the header, and of all.
uint64_t TrainStateHeaderBytes();
uint64_t TrainStateBytes(const TrainStateHeader& header);
// The largest that a state with so many elements can be.
uint64_t TrainStateBytesMax(uint64_t elements);

std::string EncodeTrainStateHeader(const TrainStateHeader& header);

// Of bytes that begin with a header; those after it may be missing. DATA_LOSS for anything that
// EncodeTrainStateHeader never wrote; FAILED_PRECONDITION for another format.
absl::StatusOr<TrainStateHeader> DecodeTrainStateHeader(std::string_view bytes);

}  // namespace strata
