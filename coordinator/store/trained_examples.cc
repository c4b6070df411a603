#include "coordinator/store/trained_examples.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr std::string_view kMagic = "STRATAEX";
constexpr uint32_t kFormat = 1;
constexpr size_t kDigestBytes = 16;

template <typename T>
void Put(T value, std::string* out) {
  for (size_t i = 0; i < sizeof(T); ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

absl::Status CutShort() { return absl::DataLossError("trained_examples.bin is cut short"); }

template <typename T>
absl::StatusOr<T> Take(std::string_view* bytes) {
  if (bytes->size() < sizeof(T)) return CutShort();
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(static_cast<uint8_t>((*bytes)[i])) << (8 * i);
  }
  bytes->remove_prefix(sizeof(T));
  return value;
}

absl::Status OutOfOrder() {
  return absl::DataLossError("trained_examples.bin has a dataset or an example out of order");
}

absl::Status TakeDataset(std::string_view* bytes, ExamplesByDataset* examples) {
  ASSIGN_OR_RETURN(const uint32_t length, Take<uint32_t>(bytes));
  if (bytes->size() < length) return CutShort();
  const std::string name(bytes->substr(0, length));
  if (!examples->empty() && examples->rbegin()->first >= name) return OutOfOrder();
  ExampleSet& set = (*examples)[name];
  bytes->remove_prefix(length);
  ASSIGN_OR_RETURN(const uint64_t count, Take<uint64_t>(bytes));
  if (count > bytes->size() / kDigestBytes) return CutShort();
  set.reserve(count);
  ExampleDigest last;
  for (uint64_t i = 0; i < count; ++i) {
    ExampleDigest digest;
    ASSIGN_OR_RETURN(digest.high, Take<uint64_t>(bytes));
    ASSIGN_OR_RETURN(digest.low, Take<uint64_t>(bytes));
    if (i > 0 && digest <= last) return OutOfOrder();
    set.insert(last = digest);
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeExamples(const ExamplesByDataset& examples) {
  std::string bytes(kMagic);
  Put(kFormat, &bytes);
  Put(static_cast<uint32_t>(examples.size()), &bytes);
  for (const auto& [name, set] : examples) {
    Put(static_cast<uint32_t>(name.size()), &bytes);
    bytes += name;
    Put(static_cast<uint64_t>(set.size()), &bytes);
    std::vector<ExampleDigest> sorted(set.begin(), set.end());
    std::sort(sorted.begin(), sorted.end());
    for (const ExampleDigest& digest : sorted) {
      Put(digest.high, &bytes);
      Put(digest.low, &bytes);
    }
  }
  return bytes;
}

absl::StatusOr<ExamplesByDataset> DecodeExamples(std::string_view bytes) {
  if (bytes.substr(0, kMagic.size()) != kMagic) {
    return absl::DataLossError("trained_examples.bin does not begin with STRATAEX");
  }
  bytes.remove_prefix(kMagic.size());
  ASSIGN_OR_RETURN(const uint32_t format, Take<uint32_t>(&bytes));
  if (format != kFormat) {
    return absl::DataLossError(absl::StrCat("trained_examples.bin has format ", format,
                                            "; this strata reads format ", kFormat));
  }
  ASSIGN_OR_RETURN(const uint32_t datasets, Take<uint32_t>(&bytes));
  ExamplesByDataset examples;
  for (uint32_t i = 0; i < datasets; ++i) RETURN_IF_ERROR(TakeDataset(&bytes, &examples));
  if (!bytes.empty()) return absl::DataLossError("trained_examples.bin has bytes after its end");
  return examples;
}

}  // namespace strata
