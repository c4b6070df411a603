#include "common/huggingface/adapter_file.h"

#include <cstring>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/huggingface/safetensors.h"
#include "common/status_macros.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

std::string Shape(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// `view` is null when the file does not have the tensor.
absl::Status CheckTensor(const fs::path& file, const AdapterTensor& tensor,
                         const TensorView* view) {
  const std::vector<int64_t> shape = {tensor.rows, tensor.columns};
  if (view != nullptr && view->dtype == "F32" && view->shape == shape) return absl::OkStatus();
  const std::string has = view == nullptr ? "has no such tensor"
                                          : absl::StrCat("has ", view->dtype, Shape(view->shape));
  return absl::FailedPreconditionError(
      absl::StrCat("the adapter does not fit this branch: ", tensor.name, " is to be F32",
                   Shape(shape), ", ", file.string(), " ", has));
}

}  // namespace

absl::StatusOr<std::vector<float>> ReadAdapterTensors(const fs::path& path,
                                                      const AdapterLayout& layout) {
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
  std::map<std::string, const TensorView*> views;
  for (const TensorView& view : file.tensors()) views[view.name] = &view;
  std::vector<float> flat(static_cast<size_t>(layout.elements));
  for (const AdapterTensor& tensor : layout.tensors) {
    const auto at = views.find(tensor.name);
    RETURN_IF_ERROR(CheckTensor(path, tensor, at == views.end() ? nullptr : at->second));
    std::memcpy(flat.data() + tensor.offset, at->second->data, at->second->bytes);
    views.erase(at);
  }
  if (views.empty()) return flat;
  return absl::FailedPreconditionError(absl::StrCat(
      "the adapter does not fit this branch: ", path.string(), " has ", views.size(),
      " tensors beyond lora_target_modules of branch.yaml, the first is ", views.begin()->first));
}

}  // namespace strata
