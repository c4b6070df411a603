// Reads and writes safetensors files by Hugging Face's own library: base models in, adapters in and
// out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace strata {

struct TensorView {
  std::string name;
  std::string dtype;  // "F32", "BF16", "F16", …
  std::vector<int64_t> shape;
  const void* data =
      nullptr;  // within the mapped file; row-major, little-endian, perhaps not aligned
  uint64_t bytes = 0;
};

// A file mapped into memory; its views live as long as it does.
class SafetensorsFile {
 public:
  // NOT_FOUND when missing; DATA_LOSS naming the file for a header that lies (hole, overlap,
  // overflow, unknown kind).
  static absl::StatusOr<SafetensorsFile> Open(const std::filesystem::path& file);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&&) noexcept;
  // In the order in which they lie in the file, one right after the other.
  const std::vector<TensorView>& tensors() const { return tensors_; }
  // What stands before the first tensor: the header's length and the header, metadata included.
  std::string_view head() const;
  // Lets the pages that lie wholly within `bytes` at `begin`, a place in a view, leave memory: what
  // was read once and is larger than memory. They are read again when they are touched.
  void Forget(const void* begin, uint64_t bytes) const;

 private:
  SafetensorsFile() = default;
  void* mapping_ = nullptr;
  uint64_t bytes_ = 0;
  std::vector<TensorView> tensors_;
};

struct MatrixToWrite {
  std::string name;
  int64_t rows = 0, columns = 0;
  const float* values = nullptr;  // row-major
};

// The bytes of a file with metadata {"format": "pt"}: the same for the same matrices.
absl::StatusOr<std::string> SafetensorsBytes(const std::vector<MatrixToWrite>& matrices);

}  // namespace strata
