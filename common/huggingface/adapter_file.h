// Reads an adapter_model.safetensors into the flat values that training goes by. Takes a file and
// the layout that it must have; the store reads its versions through it.
#pragma once

#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"
#include "common/adapter_layout.h"

namespace strata {

// FAILED_PRECONDITION, with the tensor, what it is to be and what the file has, when the tensors
// are not exactly those of `layout` in fp32. Errors of SafetensorsFile::Open otherwise.
absl::StatusOr<std::vector<float>> ReadAdapterTensors(const std::filesystem::path& file,
                                                      const AdapterLayout& layout);

}  // namespace strata
