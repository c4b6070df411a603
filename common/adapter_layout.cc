#include "common/adapter_layout.h"

#include <algorithm>

namespace strata {
namespace {

bool IsTarget(const LoraShape& shape, const std::string& name) {
  return std::find(shape.target_modules.begin(), shape.target_modules.end(), name) !=
         shape.target_modules.end();
}

}  // namespace

AdapterLayout LayoutOf(const ModelConfig& config, const LoraShape& shape) {
  AdapterLayout layout;
  const auto add = [&](const std::string& name, int64_t rows, int64_t columns) {
    layout.tensors.push_back({name, rows, columns, layout.elements});
    layout.elements += rows * columns;
  };
  for (const Projection& projection : ProjectionsOf(config)) {
    if (!IsTarget(shape, projection.name)) continue;
    const std::string prefix = "base_model.model." + projection.path;
    add(prefix + ".lora_A.weight", shape.r, projection.in);
    add(prefix + ".lora_B.weight", projection.out, shape.r);
  }
  return layout;
}

std::string UnmatchedTarget(const ModelConfig& config, const LoraShape& shape) {
  const std::vector<Projection> projections = ProjectionsOf(config);
  for (const std::string& target : shape.target_modules) {
    const bool exists =
        std::any_of(projections.begin(), projections.end(),
                    [&](const Projection& projection) { return projection.name == target; });
    if (!exists) return target;
  }
  return "";
}

}  // namespace strata
