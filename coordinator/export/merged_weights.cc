#include "coordinator/export/merged_weights.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr uint64_t kPieceBytes = 32 << 20;
constexpr size_t kPrefix = sizeof "base_model.model." - 1;
constexpr size_t kSuffix = sizeof ".lora_A.weight" - 1;

using Targets = std::map<std::string, LoraFactors>;

std::string WeightUnder(const std::string& lora) {
  return lora.substr(kPrefix, lora.size() - kPrefix - kSuffix) + ".weight";
}

absl::Status CheckWeight(const TensorView& weight, const LoraFactors& factors) {
  const std::vector<int64_t> shape = {factors.out, factors.in};
  if (weight.shape != shape) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot merge: the base's ", weight.name, " is [", absl::StrJoin(weight.shape, ", "),
        "], the adapter's is [", absl::StrJoin(shape, ", "), "]"));
  }
  if (NumberFormatOf(weight.dtype)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("cannot merge: the base's ", weight.name, " is kept in ", weight.dtype,
                   "; a merge is possible into F32, BF16 or F16. Export the adapter alone (without "
                   "--merged)"));
}

// The bytes of one merged file, piece by piece.
class Pieces {
 public:
  Pieces(const SafetensorsFile& base, const Targets& targets, int threads)
      : base_(base), targets_(targets), threads_(threads) {}

  absl::StatusOr<std::string_view> Next() {
    if (!std::exchange(begun_, true)) return base_.head();
    base_.Forget(read_.data(), read_.size());
    const std::vector<TensorView>& tensors = base_.tensors();
    while (tensor_ < tensors.size() && done_ == tensors[tensor_].bytes) {
      ++tensor_;
      done_ = 0;
      merge_.reset();
    }
    if (tensor_ == tensors.size()) return std::string_view();
    const TensorView& tensor = tensors[tensor_];
    const auto target = targets_.find(tensor.name);
    if (target != targets_.end()) return NextRows(tensor, target->second);
    return Read(tensor, std::min(kPieceBytes, tensor.bytes - done_));
  }

 private:
  // The base's next bytes of the tensor.
  std::string_view Read(const TensorView& tensor, uint64_t bytes) {
    read_ = {static_cast<const char*>(tensor.data) + done_, bytes};
    done_ += bytes;
    return read_;
  }

  absl::StatusOr<std::string_view> NextRows(const TensorView& tensor, const LoraFactors& factors) {
    const NumberFormat format = *NumberFormatOf(tensor.dtype);
    if (!merge_) merge_.emplace(factors, format, threads_);
    const auto row_bytes = static_cast<uint64_t>(factors.in * BytesOf(format));
    const uint64_t rows = std::min(std::max<uint64_t>(1, kPieceBytes / row_bytes),
                                   (tensor.bytes - done_) / row_bytes);
    const auto begin = static_cast<int64_t>(done_ / row_bytes);
    buffer_.resize(rows * row_bytes);
    if (!merge_->MergeRows(begin, static_cast<int64_t>(rows), Read(tensor, buffer_.size()).data(),
                           buffer_.data())) {
      return absl::DataLossError(
          absl::StrCat(tensor.name, " has numbers that are not finite in ", tensor.dtype,
                       " once merged. Export the adapter alone (without --merged), which servers "
                       "compute in higher precision"));
    }
    return std::string_view(buffer_);
  }

  const SafetensorsFile& base_;
  const Targets& targets_;
  const int threads_;
  bool begun_ = false;
  size_t tensor_ = 0;
  uint64_t done_ = 0;  // bytes of the tensor
  std::optional<LoraMerge> merge_;
  std::string_view read_;  // what the last piece was made of
  std::string buffer_;
};

}  // namespace

absl::StatusOr<MergedWeights> MergedWeights::Open(
    const std::vector<std::filesystem::path>& base_files, AdapterToMerge adapter, int threads) {
  MergedWeights merged;
  merged.adapter_ = std::move(adapter);
  merged.threads_ = threads;
  for (const std::filesystem::path& file : base_files) {
    ASSIGN_OR_RETURN(SafetensorsFile opened, SafetensorsFile::Open(file));
    merged.base_.push_back(std::move(opened));
  }
  RETURN_IF_ERROR(merged.FindTargets());
  return merged;
}

absl::Status MergedWeights::FindTargets() {
  std::map<std::string, const TensorView*> weights;
  for (const SafetensorsFile& file : base_)
    for (const TensorView& tensor : file.tensors()) weights[tensor.name] = &tensor;
  const std::vector<AdapterTensor>& tensors = adapter_.layout.tensors;
  for (size_t i = 0; i + 1 < tensors.size(); i += 2) {
    const AdapterTensor &a = tensors[i], &b = tensors[i + 1];
    const std::string name = WeightUnder(a.name);
    const auto weight = weights.find(name);
    if (weight == weights.end()) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot merge: the base has no ", name, ", which the adapter changes"));
    }
    const LoraFactors factors{.out = b.rows,
                              .in = a.columns,
                              .r = a.rows,
                              .a_RI = adapter_.flat.data() + a.offset,
                              .b_OR = adapter_.flat.data() + b.offset,
                              .scale = adapter_.scale};
    RETURN_IF_ERROR(CheckWeight(*weight->second, factors));
    targets_[name] = factors;
  }
  return absl::OkStatus();
}

absl::Status MergedWeights::Write(size_t index, const std::filesystem::path& to, FileSystem* files,
                                  const OnBytes& on_bytes) const {
  Pieces pieces(base_[index], targets_, threads_);
  return files->WritePiecesDurably(to, [&]() -> absl::StatusOr<std::string_view> {
    ASSIGN_OR_RETURN(const std::string_view piece, pieces.Next());
    if (on_bytes) RETURN_IF_ERROR(on_bytes(piece.size()));
    return piece;
  });
}

}  // namespace strata
