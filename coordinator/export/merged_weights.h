// Writes the weight files of a base with an adapter merged into them. Takes the base's files and an
// adapter's flat values; an export puts the files beside the base's other ones.
//
// Model: a merged file is the base's file with other numbers in some tensors. Its head (names,
// shapes, kinds, order, metadata) is copied byte for byte, and so is every tensor that no LoRA sits
// on.
// Memory: one piece of a tensor and one packed lora_A beside the mapped base, whatever the size of
// the base.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/adapter_layout.h"
#include "common/huggingface/safetensors.h"
#include "common/posix_file.h"
#include "coordinator/export/lora_merge.h"

namespace strata {

struct AdapterToMerge {
  AdapterLayout layout;
  std::vector<float> flat;
  float scale = 1;  // alpha / r
};

// Called now and then with the bytes that are written next; an error ends the writing.
using OnBytes = std::function<absl::Status(uint64_t bytes)>;

class MergedWeights {
 public:
  // FAILED_PRECONDITION with the tensor's name when a weight that the adapter changes is missing,
  // has another shape or is kept in what is neither F32 nor BF16 nor F16. Errors of
  // SafetensorsFile::Open. `threads` compute.
  static absl::StatusOr<MergedWeights> Open(const std::vector<std::filesystem::path>& base_files,
                                            AdapterToMerge adapter, int threads);

  // Of the base's file `index`, as they were given.
  absl::Status Write(size_t index, const std::filesystem::path& to, FileSystem* files,
                     const OnBytes& on_bytes) const;

 private:
  MergedWeights() = default;
  absl::Status FindTargets();
  AdapterToMerge adapter_;
  int threads_ = 1;
  std::vector<SafetensorsFile> base_;
  std::map<std::string, LoraFactors> targets_;  // by the weight's name
};

}  // namespace strata
