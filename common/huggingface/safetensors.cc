#include "common/huggingface/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/huggingface/crate.h"

namespace strata {

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::filesystem::path& file) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return absl::NotFoundError(absl::StrCat("cannot open ", file.string()));
  struct stat status {};
  SafetensorsFile opened;
  if (fstat(descriptor, &status) == 0 && status.st_size >= 8) {
    opened.bytes_ = static_cast<uint64_t>(status.st_size);
    opened.mapping_ = mmap(nullptr, opened.bytes_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  }
  close(descriptor);
  if (opened.mapping_ == nullptr || opened.mapping_ == MAP_FAILED) {
    opened.mapping_ = nullptr;
    return absl::DataLossError(
        absl::StrCat(file.string(), " is no safetensors file: it has ", status.st_size, " bytes"));
  }
  char* error = nullptr;
  StrataHeader* header = strata_safetensors_open(opened.mapping_, opened.bytes_, &error);
  if (header == nullptr) {
    return absl::DataLossError(
        absl::StrCat(file.string(), " is no safetensors file: ", TakeText(error)));
  }
  const size_t count = strata_safetensors_count(header);
  bool fits = true;
  for (size_t i = 0; i < count && fits; ++i) {
    const StrataTensorPlace place = strata_safetensors_at(header, i);
    fits = std::all_of(place.shape, place.shape + place.dimensions,
                       [](uint64_t length) { return length <= INT64_MAX; });
    opened.tensors_.push_back({{place.name, place.name_length},
                               {place.dtype, place.dtype_length},
                               {place.shape, place.shape + place.dimensions},
                               static_cast<const char*>(opened.mapping_) + place.begin,
                               place.length});
  }
  strata_safetensors_free(header);
  if (fits) return opened;
  return absl::DataLossError(absl::StrCat(file.string(),
                                          " is no safetensors file: ", opened.tensors_.back().name,
                                          " has a dimension of 2^63 or more"));
}

SafetensorsFile::~SafetensorsFile() {
  if (mapping_ != nullptr) munmap(mapping_, bytes_);
}

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : mapping_(std::exchange(other.mapping_, nullptr)),
      bytes_(other.bytes_),
      tensors_(std::move(other.tensors_)) {}

std::string_view SafetensorsFile::head() const {
  const auto* begin = static_cast<const char*>(mapping_);
  uint64_t head_bytes = bytes_;
  for (const TensorView& tensor : tensors_) head_bytes -= tensor.bytes;
  return {begin, head_bytes};
}

void SafetensorsFile::Forget(const void* begin, uint64_t bytes) const {
  if (bytes == 0) return;
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  auto* const mapped = static_cast<char*>(mapping_);
  const auto from = static_cast<uint64_t>(static_cast<const char*>(begin) - mapped);
  const uint64_t first = (from + page - 1) / page * page, end = (from + bytes) / page * page;
  if (first < end) madvise(mapped + first, end - first, MADV_DONTNEED);
}

absl::StatusOr<std::string> SafetensorsBytes(const std::vector<MatrixToWrite>& matrices) {
  std::vector<StrataMatrix> views;
  for (const MatrixToWrite& matrix : matrices) {
    views.push_back({matrix.name.data(), matrix.name.size(), static_cast<uint64_t>(matrix.rows),
                     static_cast<uint64_t>(matrix.columns), matrix.values});
  }
  char* error = nullptr;
  StrataBytes* bytes = strata_safetensors_write(views.data(), views.size(), &error);
  if (bytes == nullptr) return absl::InternalError(TakeText(error));
  size_t length = 0;
  const char* data = strata_bytes_view(bytes, &length);
  std::string file(data, length);
  strata_bytes_free(bytes);
  return file;
}

}  // namespace strata
