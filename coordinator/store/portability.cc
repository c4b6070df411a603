#include "coordinator/store/portability.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace strata {
namespace {

using Sentences = std::vector<std::string>;

constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kEndOfA = ".lora_A.weight", kEndOfB = ".lora_B.weight";
// What vLLM takes for --max-lora-rank, and what it has without.
constexpr int64_t kMaxLoraRanks[] = {1, 8, 16, 32, 64, 128, 256, 320, 512};
constexpr int64_t kMaxLoraRankDefault = 16;
// The projections whose tensors llama.cpp's architectures map.
constexpr const char* kMappedProjections[] = {"q_proj",    "k_proj",   "v_proj",
                                              "o_proj",    "up_proj",  "gate_proj",
                                              "down_proj", "qkv_proj", "gate_up_proj"};

struct LoadingName {
  const char* key;
  const char* name;
};
constexpr LoadingName kLoaders[] = {{"peft", "PEFT"}, {"vllm", "vLLM"}, {"llama_cpp", "llama.cpp"}};

struct Wanted {
  const char *key, *value;
};

struct Pair {
  const TensorView* a = nullptr;
  const TensorView* b = nullptr;
};
using Pairs = std::map<std::string, Pair>;  // by the module's path in the base

// Keys that change nothing are written as null, false, "none" or empty.
bool IsOff(const Json& config, const char* key) {
  const auto at = config.find(key);
  return at == config.end() || at->is_null() || *at == Json(false) || *at == Json("none") ||
         (at->is_structured() && at->empty());
}

void RequireOff(const Json& config, std::initializer_list<const char*> keys, const char* loader,
                Sentences* breaches) {
  for (const char* key : keys) {
    if (IsOff(config, key)) continue;
    breaches->push_back(absl::StrCat("adapter_config.json sets ", key, ", which ", loader,
                                     " does not follow: train without it, or merge the adapter "
                                     "into its base"));
  }
}

int64_t RankOf(const Json& config) { return JsonInteger(config, "r", "it").value_or(0); }

std::string ShapeText(const TensorView& tensor) {
  return absl::StrCat(tensor.dtype, "[", absl::StrJoin(tensor.shape, ", "), "]");
}

Pairs PairsOf(const std::vector<TensorView>& tensors, Sentences* breaches) {
  Pairs pairs;
  for (const TensorView& tensor : tensors) {
    const std::string_view name = tensor.name;
    const bool is_a = name.ends_with(kEndOfA), is_b = name.ends_with(kEndOfB);
    if (!name.starts_with(kPrefix) || !(is_a || is_b)) {
      breaches->push_back(
          absl::StrCat(tensor.name,
                       " is called otherwise than base_model.model.….lora_A.weight or "
                       ".lora_B.weight: save the adapter with those names, without .default"));
      continue;
    }
    Pair& pair = pairs[std::string(
        name.substr(kPrefix.size(), name.size() - kPrefix.size() - kEndOfA.size()))];
    (is_a ? pair.a : pair.b) = &tensor;
  }
  return pairs;
}

void CheckShapes(const Pairs& pairs, int64_t r, Sentences* breaches) {
  for (const auto& [module, pair] : pairs) {
    if (pair.a == nullptr || pair.b == nullptr) {
      breaches->push_back(absl::StrCat(module, " has no ", pair.a == nullptr ? "lora_A" : "lora_B",
                                       ": save the adapter again, whole"));
      continue;
    }
    const bool fit = pair.a->shape.size() == 2 && pair.b->shape.size() == 2 &&
                     pair.a->shape[0] == r && pair.b->shape[1] == r;
    if (fit) continue;
    breaches->push_back(absl::StrCat(module, " has lora_A ", ShapeText(*pair.a), " and lora_B ",
                                     ShapeText(*pair.b), " where r = ", r,
                                     " asks for [r, in] and [out, r]: adapter_config.json and the "
                                     "tensors are of different adapters"));
  }
}

void CheckDtypes(const std::vector<TensorView>& tensors, Sentences* breaches) {
  for (const TensorView& tensor : tensors) {
    if (tensor.dtype == "F32" || tensor.dtype == "BF16" || tensor.dtype == "F16") continue;
    breaches->push_back(
        absl::StrCat(tensor.name, " is ", tensor.dtype, ": save the adapter as F32, BF16 or F16"));
  }
}

std::set<std::string> ProjectionsIn(const Pairs& pairs) {
  std::set<std::string> projections;
  for (const auto& [module, pair] : pairs) projections.insert(module.substr(module.rfind('.') + 1));
  return projections;
}

void CheckTargets(const Json& config, const std::set<std::string>& projections,
                  LoaderVerdict* peft) {
  const auto at = config.find("target_modules");
  const bool is_list =
      at != config.end() && at->is_array() && !at->empty() &&
      std::all_of(at->begin(), at->end(), [](const Json& target) { return target.is_string(); });
  if (!is_list) {
    peft->breaches.emplace_back(
        "adapter_config.json has no list target_modules: name the projections, as q_proj");
    return;
  }
  std::set<std::string> targets;
  for (const Json& target : *at) targets.insert(target.get<std::string>());
  for (const std::string& projection : projections) {
    if (targets.contains(projection)) continue;
    peft->breaches.push_back(
        absl::StrCat("there are tensors of ", projection,
                     ", which target_modules does not name: PEFT leaves them out; add it there"));
  }
  for (const std::string& target : targets) {
    if (projections.contains(target)) continue;
    peft->notes.push_back(absl::StrCat("target_modules names ", target,
                                       ", which has no tensors: it does nothing there"));
  }
}

void CheckPeft(const Json& config, const std::vector<TensorView>& tensors, const Pairs& pairs,
               LoaderVerdict* peft) {
  for (const auto& [key, value] : {Wanted{"peft_type", "LORA"}, Wanted{"task_type", "CAUSAL_LM"}}) {
    const auto found = JsonString(config, key, "it");
    if (found.ok() && *found == value) continue;
    peft->breaches.push_back(
        absl::StrCat("adapter_config.json does not have ", key, " ", value, ": write it there"));
  }
  if (tensors.empty()) peft->breaches.emplace_back("there are no tensors: save the adapter again");
  if (RankOf(config) < 1) {
    peft->breaches.emplace_back("adapter_config.json has no r above 0: write the rank there");
  }
  const auto alpha = JsonNumber(config, "lora_alpha", "it");
  if (!alpha.ok() || !(*alpha > 0)) {
    peft->breaches.emplace_back(
        "adapter_config.json has no lora_alpha above 0: write what scales the update by alpha / r");
  }
  CheckShapes(pairs, RankOf(config), &peft->breaches);
  CheckDtypes(tensors, &peft->breaches);
  CheckTargets(config, ProjectionsIn(pairs), peft);
}

void CheckVllm(const Json& config, LoaderVerdict* vllm) {
  RequireOff(config, {"use_dora", "modules_to_save", "rank_pattern", "alpha_pattern", "bias"},
             "vLLM", &vllm->breaches);
  const int64_t r = RankOf(config);
  const auto* allowed = std::lower_bound(std::begin(kMaxLoraRanks), std::end(kMaxLoraRanks), r);
  if (allowed == std::end(kMaxLoraRanks)) {
    vllm->breaches.push_back(absl::StrCat("r is ", r, ", beyond vLLM's 512: lower lora_r"));
  } else if (r > kMaxLoraRankDefault) {
    vllm->notes.push_back(absl::StrCat("serve with --max-lora-rank ", *allowed));
  }
}

void CheckLlamaCpp(const Json& config, const Pairs& pairs, LoaderVerdict* llama_cpp) {
  RequireOff(config,
             {"use_rslora", "use_dora", "modules_to_save", "rank_pattern", "alpha_pattern", "bias"},
             "llama.cpp", &llama_cpp->breaches);
  for (const std::string& projection : ProjectionsIn(pairs)) {
    if (std::find(std::begin(kMappedProjections), std::end(kMappedProjections), projection) !=
        std::end(kMappedProjections))
      continue;
    llama_cpp->breaches.push_back(
        absl::StrCat("convert_lora_to_gguf.py is not known to map ", projection,
                     ": leave it out of lora_target_modules, or merge the adapter into its base"));
  }
  const std::string base = JsonString(config, "base_model_name_or_path", "it").value_or("");
  if (base.empty() || base.front() == '/' || base.front() == '.') {
    llama_cpp->notes.emplace_back(
        "convert with convert_lora_to_gguf.py --base FOLDER: base_model_name_or_path is no public "
        "name (base_model_name in branch.yaml sets it)");
  }
}

Json VerdictJson(const LoaderVerdict& verdict) {
  Json notes = verdict.breaches;
  for (const std::string& note : verdict.notes) notes.push_back(note);
  return {{"ok", verdict.ok()}, {"notes", std::move(notes)}};
}

}  // namespace

Portability PortabilityOf(const Json& adapter_config, const std::vector<TensorView>& tensors) {
  Portability portability;
  const Pairs pairs = PairsOf(tensors, &portability.peft.breaches);
  CheckPeft(adapter_config, tensors, pairs, &portability.peft);
  portability.vllm.breaches = portability.llama_cpp.breaches = portability.peft.breaches;
  CheckVllm(adapter_config, &portability.vllm);
  CheckLlamaCpp(adapter_config, pairs, &portability.llama_cpp);
  return portability;
}

Json PortabilityJson(const Portability& portability) {
  return {{"peft", VerdictJson(portability.peft)},
          {"vllm", VerdictJson(portability.vllm)},
          {"llama_cpp", VerdictJson(portability.llama_cpp)}};
}

PortabilityText TextOfPortability(const Json& portability) {
  PortabilityText text;
  for (const LoadingName& loader : kLoaders) {
    const auto verdict = JsonNested(portability, loader.key, "it");
    if (!verdict.ok()) continue;
    std::vector<std::string> notes;
    const auto list = JsonNested(**verdict, "notes", "it");
    for (const Json& note : list.ok() ? **list : Json::array()) {
      if (note.is_string()) notes.push_back(note.get<std::string>());
    }
    const std::string said = absl::StrJoin(notes, "; ");
    if (!JsonBool(**verdict, "ok", "it").value_or(false)) {
      text.breaches.push_back(absl::StrCat(loader.name, ": ", said));
    } else {
      text.loaders.push_back(said.empty() ? loader.name
                                          : absl::StrCat(loader.name, " (", said, ")"));
    }
  }
  return text;
}

}  // namespace strata
