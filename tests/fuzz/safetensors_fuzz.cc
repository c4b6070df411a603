// Goal: no file of tensors does harm: as a base's weights, as an adapter of this branch, and as one
// from elsewhere. Method: the input as such a file; every byte that a view promises is touched.
#include <numeric>

#include "common/huggingface/adapter_file.h"
#include "common/huggingface/base_weights.h"
#include "common/huggingface/float_values.h"
#include "common/huggingface/safetensors.h"
#include "common/json.h"
#include "coordinator/run/adapter_folder.h"
#include "coordinator/store/portability.h"
#include "tests/fuzz/fuzz_folder.h"

namespace strata {
namespace {

constexpr char kPeft[] =
    R"({"peft_type": "LORA", "r": 1, "lora_alpha": 2, "target_modules": ["q_proj"]})";

ModelConfig SmallModel() {
  ModelConfig model;
  model.architecture = "LlamaForCausalLM";
  model.vocab_size = 8;
  model.hidden_size = 4;
  model.intermediate_size = 4;
  model.num_hidden_layers = 1;
  model.num_attention_heads = 2;
  model.num_key_value_heads = 1;
  model.head_dim = 2;
  return model;
}

unsigned Sum(const void* bytes, uint64_t count) {
  const auto* begin = static_cast<const unsigned char*>(bytes);
  return std::accumulate(begin, begin + count, 0u);
}

void CheckViews(const SafetensorsFile& file, uint64_t bytes) {
  const auto* begin = reinterpret_cast<const unsigned char*>(file.head().data());
  uint64_t end = file.head().size();
  volatile unsigned sum = Sum(begin, end);
  for (const TensorView& view : file.tensors()) {
    const auto* data = static_cast<const unsigned char*>(view.data);
    Expect(data == begin + end, "tensors lie one right after the other");
    end += view.bytes;
    Expect(end <= bytes, "a tensor lies within the file");
    sum = sum + Sum(view.data, view.bytes);
    for (const int64_t dimension : view.shape) Expect(dimension >= 0, "no length is below 0");
    if (!IsWidened(view.dtype)) continue;
    std::vector<float> values(view.bytes / (view.dtype == "F32" ? 4 : 2));
    WidenToFloat(view, values.data());
    file.Forget(view.data, view.bytes);
  }
  Expect(end == bytes, "tensors end with the file");
}

}  // namespace
}  // namespace strata

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strata;
  const std::string_view input = InputOf(data, size);
  static const ModelConfig model = SmallModel();
  static const AdapterLayout layout = LayoutOf(model, {1, {"q_proj"}});
  static const Json peft = ParseJson(kPeft, "it").value();
  static const auto config = TheFolder().Write("adapter_config.json", kPeft);
  const auto path = TheFolder().Write("adapter_model.safetensors", input);
  const auto file = SafetensorsFile::Open(path);
  if (file.ok()) {
    CheckViews(*file, size);
    PortabilityJson(PortabilityOf(peft, file->tensors()));
  }
  const auto own = ReadAdapterTensors(path, layout);
  if (own.ok()) Expect(own->size() == static_cast<size_t>(layout.elements), "all of it is read");
  const auto foreign = ReadAdapterFolder(TheFolder().path(), model, "a base");
  if (own.ok()) Expect(foreign.ok(), "what fits this branch fits as one from elsewhere");
  if (foreign.ok()) CheckTrained(*foreign).IgnoreError();
  return 0;
}
