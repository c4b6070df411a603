#include "coordinator/run/adapter_folder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/huggingface/float_values.h"
#include "common/huggingface/safetensors.h"
#include "common/lora_scale.h"
#include "common/status_macros.h"
#include "coordinator/store/version_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNamedMax = 4;  // tensors that a message names one by one
constexpr char kAdapter[] = "adapter_model.safetensors";
constexpr std::string_view kDefault = ".default.";

// The views by the names that a layout has: without the adapter's own name in them.
using Views = std::map<std::string, const TensorView*>;

// The shortest text that reads back as `value`: 32 and not 32.0, 45.254833995939045.
std::string Text(double value) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string Shape(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

std::string Some(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kNamedMax);
  const std::vector<std::string> first(names.begin(), names.begin() + static_cast<int64_t>(shown));
  const size_t more = names.size() - shown;
  return absl::StrCat(absl::StrJoin(first, ", "),
                      more > 0 ? absl::StrCat(" and ", more, " more") : "");
}

// Pickled tensors run code when they are read.
absl::Status NoTensors(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder / "adapter_model.bin", error)) {
    return absl::NotFoundError(absl::StrCat(folder.string(), " has no ", kAdapter,
                                            "; give the folder that PEFT's save_pretrained wrote"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(folder.string(),
                   " has its tensors in adapter_model.bin, a pickle, which may run code when it "
                   "is read and is never read here; convert it where you trust it: cd ",
                   folder.string(),
                   " && python -c \"import torch; from safetensors.torch import save_file; "
                   "save_file({k: v.contiguous() for k, v in torch.load('adapter_model.bin', "
                   "map_location='cpu', weights_only=True).items()}, '",
                   kAdapter, "')\""));
}

absl::StatusOr<Views> ViewsOf(const fs::path& path, const SafetensorsFile& file) {
  Views views;
  for (const TensorView& view : file.tensors()) {
    std::string name = view.name;
    const size_t at = name.rfind(kDefault);
    if (at != std::string::npos) name.erase(at, kDefault.size() - 1);
    if (views.emplace(name, &view).second) continue;
    return absl::DataLossError(
        absl::StrCat(path.string(), " has ", name, " twice, with and without .default"));
  }
  return views;
}

// Of every lora_A; 0 when they differ or have none.
int64_t RankOf(const Views& views) {
  std::set<int64_t> ranks;
  for (const auto& [name, view] : views) {
    if (name.find(".lora_A.") != std::string::npos && view->shape.size() == 2)
      ranks.insert(view->shape[0]);
  }
  return ranks.size() == 1 ? *ranks.begin() : 0;
}

absl::Status CheckRank(const fs::path& path, const Views& views, uint32_t r) {
  if (views.empty()) {
    return absl::DataLossError(
        absl::StrCat(path.string(),
                     " has no tensors at all (sharded training saves such files when the shards "
                     "were not gathered); save the adapter again"));
  }
  const int64_t rank = RankOf(views);
  if (rank == 0 || rank == static_cast<int64_t>(r)) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("adapter_config.json says r is ", r, ", the tensors of ",
                                          path.string(), " have rank ", rank,
                                          ": one of the two files is another adapter's"));
}

// The projections' names that have a tensor in any layer.
std::vector<std::string> TargetsOf(const ModelConfig& model, const Views& views) {
  std::vector<std::string> targets;
  for (const Projection& projection : ProjectionsOf(model)) {
    const std::string prefix = "base_model.model." + projection.path;
    const bool has =
        views.contains(prefix + ".lora_A.weight") || views.contains(prefix + ".lora_B.weight");
    if (has && std::find(targets.begin(), targets.end(), projection.name) == targets.end())
      targets.push_back(projection.name);
  }
  return targets;
}

// What keeps the tensors from being those of a layout.
struct Differences {
  std::vector<std::string> missing, beyond, other;
  bool none() const { return missing.empty() && beyond.empty() && other.empty(); }
};

Differences DifferencesOf(const AdapterLayout& layout, Views views) {
  Differences differences;
  for (const AdapterTensor& tensor : layout.tensors) {
    const auto at = views.find(tensor.name);
    if (at == views.end()) {
      differences.missing.push_back(tensor.name);
      continue;
    }
    const TensorView& view = *at->second;
    const std::vector<int64_t> shape = {tensor.rows, tensor.columns};
    if (view.shape != shape || !IsWidened(view.dtype)) {
      differences.other.push_back(absl::StrCat(tensor.name, " is ", view.dtype, Shape(view.shape),
                                               " and not F32, BF16 or F16", Shape(shape)));
    }
    views.erase(at);
  }
  for (const auto& [name, view] : views) differences.beyond.push_back(name);
  return differences;
}

// Whether nothing is wrong but that whole projections of some layers are not there.
bool LacksProjectionsAlone(const Differences& differences) {
  const std::set<std::string> missing(differences.missing.begin(), differences.missing.end());
  const auto has_its_pair = [&](std::string name) {
    const size_t at = name.find(".lora_") + std::string_view(".lora_").size();
    name[at] = name[at] == 'A' ? 'B' : 'A';
    return missing.contains(name);
  };
  return !missing.empty() && differences.beyond.empty() && differences.other.empty() &&
         std::all_of(missing.begin(), missing.end(), has_its_pair);
}

absl::Status Unfit(const AdapterFolder& adapter, const Differences& differences,
                   const std::string& base_model_name) {
  std::vector<std::string> parts;
  if (!differences.other.empty()) parts.push_back(Some(differences.other));
  if (!differences.missing.empty())
    parts.push_back(absl::StrCat("it lacks ", Some(differences.missing)));
  if (!differences.beyond.empty())
    parts.push_back(
        absl::StrCat("it has beyond the base's projections ", Some(differences.beyond)));
  if (LacksProjectionsAlone(differences)) {
    parts.push_back(
        "an adapter of some layers alone (layers_to_transform, layers_pattern) can't be taken, for "
        "a projection is trained in every layer here: train it on all layers");
  }
  const std::string& theirs = adapter.peft.base_model_name;
  return absl::InvalidArgumentError(absl::StrCat(
      "the adapter in ", adapter.folder.string(), " (r ", adapter.peft.r, " on ",
      theirs.empty() ? "a base that it does not name" : theirs, ") does not fit the branch's base ",
      base_model_name, ": ", absl::StrJoin(parts, "; "),
      "; an adapter fits only the base that it was trained on, whole"));
}

std::string DtypeOf(const Views& views) {
  std::set<std::string> dtypes;
  for (const auto& [name, view] : views) dtypes.insert(view->dtype);
  return dtypes.size() == 1 ? *dtypes.begin() : "mixed";
}

}  // namespace

absl::StatusOr<AdapterFolder> ReadAdapterFolder(const fs::path& folder, const ModelConfig& model,
                                                const std::string& base_model_name) {
  AdapterFolder adapter;
  adapter.folder = folder;
  ASSIGN_OR_RETURN(adapter.peft, ReadPeftConfig(folder));
  const fs::path path = folder / kAdapter;
  std::error_code error;
  if (!fs::exists(path, error)) return NoTensors(folder);
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
  ASSIGN_OR_RETURN(const Views views, ViewsOf(path, file));
  RETURN_IF_ERROR(CheckRank(path, views, adapter.peft.r));
  adapter.target_modules = TargetsOf(model, views);
  adapter.layout = LayoutOf(model, {adapter.peft.r, adapter.target_modules});
  const Differences differences = DifferencesOf(adapter.layout, views);
  if (!differences.none() || adapter.layout.elements == 0)
    return Unfit(adapter, differences, base_model_name);
  adapter.values.resize(static_cast<size_t>(adapter.layout.elements));
  for (const AdapterTensor& tensor : adapter.layout.tensors)
    WidenToFloat(*views.at(tensor.name), adapter.values.data() + tensor.offset);
  adapter.dtype = DtypeOf(views);
  ASSIGN_OR_RETURN(adapter.file_sha256, Sha256OfFile(path));
  return adapter;
}

absl::Status CheckFits(const AdapterFolder& adapter, const Config& config,
                       const std::vector<std::string>& target_modules) {
  const PeftConfig& peft = adapter.peft;
  const std::set<std::string> theirs(adapter.target_modules.begin(), adapter.target_modules.end()),
      ours(target_modules.begin(), target_modules.end());
  std::vector<std::string> differ, lines;
  if (peft.r != config.lora_r) {
    differ.push_back(absl::StrCat("lora_r is ", config.lora_r, ", the adapter's r ", peft.r));
    lines.push_back(absl::StrCat("lora_r: ", peft.r));
  }
  const double alpha = PlainAlpha(peft.lora_alpha, peft.r, peft.use_rslora);
  const double our_alpha = PlainAlpha(config.lora_alpha, config.lora_r, config.use_rslora);
  if (!IsSameAlpha(alpha, our_alpha)) {
    const auto said = [](double value, bool use_rslora) {
      return Text(value) + (use_rslora ? " with use_rslora" : "");
    };
    differ.push_back(absl::StrCat("lora_alpha is ", said(config.lora_alpha, config.use_rslora),
                                  ", the adapter's ", said(peft.lora_alpha, peft.use_rslora)));
    lines.push_back("lora_alpha: " + Text(peft.lora_alpha));
    if (peft.use_rslora != config.use_rslora)
      lines.push_back(absl::StrCat("use_rslora: ", peft.use_rslora ? "true" : "false"));
  }
  if (theirs != ours) {
    differ.push_back(absl::StrCat("lora_target_modules is [", absl::StrJoin(target_modules, ", "),
                                  "], the adapter is on [",
                                  absl::StrJoin(adapter.target_modules, ", "), "]"));
    lines.push_back(
        absl::StrCat("lora_target_modules: [", absl::StrJoin(adapter.target_modules, ", "), "]"));
  }
  if (differ.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the adapter in ", adapter.folder.string(), " does not fit branch.yaml: ",
      absl::StrJoin(differ, "; "), ". To go on from this adapter, have these lines in ",
      (config.branch / "branch.yaml").string(), ":\n  ", absl::StrJoin(lines, "\n  ")));
}

absl::Status CheckTrained(const AdapterFolder& adapter) {
  const absl::Status checked = CheckValues(adapter.layout, adapter.values);
  if (checked.ok()) return checked;
  return absl::DataLossError(absl::StrCat(adapter.folder.string(), ": ", checked.message(),
                                          "; take another save of it, or begin with strata train"));
}

std::vector<std::string> WarningsOf(const AdapterFolder& adapter, const Config& config) {
  std::vector<std::string> warnings;
  const std::string& theirs = adapter.peft.base_model_name;
  std::error_code error;
  const bool same_folder = fs::equivalent(theirs, config.model_name_or_path, error);
  if (!theirs.empty() && theirs != config.base_model_name && !same_folder) {
    warnings.push_back(
        absl::StrCat("the adapter says it was trained on ", theirs,
                     ", the branch's base is called ", config.base_model_name,
                     "; its tensors fit, but only you know whether it is the same base: "
                     "strata evaluate measures what it is worth here"));
  }
  for (const std::string& key : adapter.peft.unknown_set) {
    warnings.push_back(absl::StrCat((adapter.folder / "adapter_config.json").string(), " sets ",
                                    key, ", which this version does not know and leaves alone"));
  }
  return warnings;
}

}  // namespace strata
