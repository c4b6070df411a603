#include "common/adapter_layout.h"

#include <algorithm>

namespace strata {
namespace {

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

struct FusedProjection {
  const char* name;
  std::vector<std::string> parts;
};

// The fused projection that `name` is a part of, when `asked` has all of its parts and the model
// has it; else "".
std::string FusedName(const std::vector<std::string>& projections,
                      const std::vector<std::string>& asked, const std::string& name) {
  const FusedProjection fused[] = {{"qkv_proj", {"q_proj", "k_proj", "v_proj"}},
                                   {"gate_up_proj", {"gate_proj", "up_proj"}}};
  for (const FusedProjection& one : fused) {
    const bool whole = std::all_of(one.parts.begin(), one.parts.end(),
                                   [&](const auto& part) { return Contains(asked, part); });
    if (whole && Contains(one.parts, name) && Contains(projections, one.name)) return one.name;
  }
  return "";
}

}  // namespace

AdapterLayout LayoutOf(const ModelConfig& config, const LoraShape& shape) {
  AdapterLayout layout;
  const auto add = [&](const std::string& name, int64_t rows, int64_t columns) {
    layout.tensors.push_back({name, rows, columns, layout.elements});
    layout.elements += rows * columns;
  };
  for (const Projection& projection : ProjectionsOf(config)) {
    if (!Contains(shape.target_modules, projection.name)) continue;
    const std::string prefix = "base_model.model." + projection.path;
    add(prefix + ".lora_A.weight", shape.r, projection.in);
    add(prefix + ".lora_B.weight", projection.out, shape.r);
  }
  return layout;
}

ModelTargets TargetsOn(const ModelConfig& config, const std::vector<std::string>& asked) {
  const std::vector<std::string> projections = ProjectionNames(config);
  std::vector<std::string> meant;
  ModelTargets targets;
  for (const std::string& name : asked) {
    meant.push_back(Contains(projections, name) ? name : FusedName(projections, asked, name));
    if (meant.back().empty() && targets.unmatched.empty()) targets.unmatched = name;
  }
  for (const std::string& projection : projections) {
    if (Contains(meant, projection)) targets.names.push_back(projection);
  }
  return targets;
}

}  // namespace strata
