// Goal: no config.json does harm, and one that is taken describes a decoder that can be built.
// Method: the input as that file; the sizes that the worker and the layout divide by are checked.
#include "common/config_json.h"

#include <cmath>

#include "common/adapter_layout.h"
#include "tests/fuzz/fuzz_folder.h"

namespace strata {
namespace {

void CheckRope(const RopeConfig& rope, const ModelConfig& model) {
  Expect(rope.theta > 0 && std::isfinite(rope.theta), "a base of the angles");
  Expect(rope.channels > 0 && rope.channels <= model.head_dim && rope.channels % 2 == 0,
         "channels that turn in pairs");
  Expect(rope.factor > 0 && rope.attention_factor > 0 && std::isfinite(rope.attention_factor),
         "factors above 0");
  if (rope.scaling == RopeScaling::kLongRope) {
    Expect(rope.short_factor.size() == static_cast<size_t>(rope.channels / 2) &&
               rope.long_factor.size() == rope.short_factor.size(),
           "a factor for each pair");
  }
}

void Check(const ModelConfig& model) {
  Expect(model.vocab_size > 0 && model.hidden_size > 0 && model.intermediate_size > 0,
         "sizes above 0");
  Expect(model.num_hidden_layers > 0 && model.num_hidden_layers <= 1024, "few layers");
  Expect(
      model.num_key_value_heads > 0 && model.num_attention_heads % model.num_key_value_heads == 0,
      "heads that share keys");
  Expect(model.head_dim > 0 && model.head_dim % 2 == 0, "an even head");
  Expect(
      model.windows.empty() || model.windows.size() == static_cast<size_t>(model.num_hidden_layers),
      "a window for each layer");
  Expect(std::isfinite(model.rms_norm_eps) && std::isfinite(model.attention_scale) &&
             std::isfinite(model.embedding_scale),
         "finite scales");
  CheckRope(model.rope, model);
  CheckRope(model.local_rope, model);
  const AdapterLayout layout = LayoutOf(model, {4, TargetsOn(model, {"q_proj"}).names});
  Expect(layout.elements >= 0, "a layout that can be counted");
}

}  // namespace
}  // namespace strata

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strata;
  TheFolder().Write("config.json", InputOf(data, size));
  const auto model = ReadModelConfig(TheFolder().path());
  if (model.ok()) Check(*model);
  return 0;
}
