// Opens the weights of a Hugging Face folder, in one safetensors file or many.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/huggingface/safetensors.h"
#include "common/sha256.h"

namespace strata {

class BaseWeights {
 public:
  // model.safetensors, else the files that model.safetensors.index.json names. NOT_FOUND when there
  // is neither; OUT_OF_RANGE for an index of more than 64 MiB, DATA_LOSS for one that leads out of
  // the folder or two files with one tensor.
  static absl::StatusOr<BaseWeights> Open(const std::filesystem::path& folder);
  // nullptr when there is none of that name; else it lives as long as this.
  const TensorView* Find(const std::string& name) const;

 private:
  std::vector<SafetensorsFile> files_;
  std::map<std::string, const TensorView*> tensors_;
};

// The weight files of a folder, sorted. Errors as BaseWeights::Open.
absl::StatusOr<std::vector<std::filesystem::path>> WeightFiles(const std::filesystem::path& folder);

// SHA-256 over config.json and every weight file: what the base is. Read anew only for files whose
// inode, size or time changed since `cache_file` was written; a cache that can't be read or written
// only costs time.
absl::StatusOr<Digest> BaseFingerprint(const std::filesystem::path& folder,
                                       const std::filesystem::path& cache_file);

}  // namespace strata
