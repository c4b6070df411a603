// Encodes which examples a lineage has been trained on, as trained_examples.bin of a version.
//
// Model: "STRATAEX", u32 format 1, u32 datasets; per dataset, in rising order of names, u32 length
// and bytes of the name, u64 count, then per digest u64 high, u64 low in rising order.
// Little-endian.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/lineage.h"

namespace strata {

using ExamplesByDataset = std::map<std::string, ExampleSet>;

std::string EncodeExamples(const ExamplesByDataset& examples);

// DATA_LOSS for bytes that EncodeExamples never wrote: cut short, too long, out of order, of
// another format.
absl::StatusOr<ExamplesByDataset> DecodeExamples(std::string_view bytes);

}  // namespace strata
