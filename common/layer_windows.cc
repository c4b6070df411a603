#include "common/layer_windows.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

// 0 when the model has none. A null says that there is none; a missing field leaves the default.
absl::StatusOr<int64_t> WindowOf(const ConfigFields& fields, const ModelFamily& family) {
  if (family.window_rule == WindowRule::kFromLayer) {
    ASSIGN_OR_RETURN(const bool used, fields.BoolOr("use_sliding_window", false));
    if (!used) return 0;
  }
  if (fields.Has("sliding_window")) return fields.Size("sliding_window");
  return fields.Names("sliding_window") ? 0 : family.sliding_window;
}

// Per layer, whether it has the window.
absl::StatusOr<std::vector<bool>> ListedLayers(const ConfigFields& fields, int64_t layers) {
  const Json& types = fields.At("layer_types");
  if (!types.is_array() || static_cast<int64_t>(types.size()) != layers)
    return fields.Broken("layer_types", absl::StrCat("is not a list of ", layers, " layers"));
  std::vector<bool> sliding;
  for (const Json& type : types) {
    if (type != "sliding_attention" && type != "full_attention")
      return fields.Refused("layer_types");
    sliding.push_back(type == "sliding_attention");
  }
  return sliding;
}

// The first, of every so many layers, that see everything; 0 and every 1 sees everything.
absl::StatusOr<std::vector<bool>> RuledLayers(const ConfigFields& fields, const ModelFamily& family,
                                              int64_t layers, int64_t window) {
  std::vector<bool> sliding(static_cast<size_t>(layers), false);
  int64_t first = 0, every = 0;
  if (family.window_rule == WindowRule::kFromLayer) {
    first = 28;  // transformers' default
    if (fields.Has("max_window_layers") && fields.At("max_window_layers") == 0) {
      first = 0;
    } else {
      ASSIGN_OR_RETURN(first, fields.SizeOr("max_window_layers", first));
    }
  } else if (family.window_rule == WindowRule::kAllButEveryNth) {
    every = family.full_attention_every;
    if (family.fields.contains("sliding_window_pattern")) {
      ASSIGN_OR_RETURN(every, fields.SizeOr("sliding_window_pattern", every));
    }
  }
  for (int64_t layer = first; layer < layers; ++layer)
    sliding[layer] = window > 0 && (every == 0 || (layer + 1) % every != 0);
  return sliding;
}

}  // namespace

absl::Status ReadWindows(const ConfigFields& fields, const ModelFamily& family,
                         ModelConfig* config) {
  if (family.window_rule == WindowRule::kNone) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t window, WindowOf(fields, family));
  const bool listed = fields.Has("layer_types") && family.fields.contains("layer_types");
  ASSIGN_OR_RETURN(const std::vector<bool> sliding,
                   listed ? ListedLayers(fields, config->num_hidden_layers)
                          : RuledLayers(fields, family, config->num_hidden_layers, window));
  if (std::find(sliding.begin(), sliding.end(), true) == sliding.end()) return absl::OkStatus();
  if (window == 0) {
    return absl::DataLossError(absl::StrCat(
        fields.what(), ": layer_types has sliding_attention, but there is no sliding_window"));
  }
  for (const bool slides : sliding) config->windows.push_back(slides ? window : 0);
  return absl::OkStatus();
}

}  // namespace strata
