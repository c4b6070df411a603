#include "coordinator/run/memory_estimate.h"

#include <algorithm>
#include <string_view>

namespace strata {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// Of a worker that trains next to nothing: 205 MiB of mapped libraries, 180 MiB of its own
// (libtorch 2.11, Open MPI 4.1, x86-64, device: cpu).
constexpr uint64_t kProgramOnCpu = 385 * kMiB;
// oneDNN's compiled bfloat16 products, one for each shape, as far as its cache lets them grow: what
// 200 steps over rows of as many lengths added (two threads, AVX-512).
constexpr uint64_t kKernelsOnCpu = 1250 * kMiB;
// A context with its modules and cuBLAS's workspace.
constexpr uint64_t kProgramOnCuda = 700 * kMiB;

// Tensors that come and go between those that stay leave holes in glibc's heap: 22 to 46 % of both
// were measured, and 50 to 110 % of the less that checkpointing keeps, whose tensors come and go
// twice; none with each tensor mapped on its own (MALLOC_MMAP_THRESHOLD_).
constexpr uint64_t kHeapHolesPercent = 30, kHeapHolesPercentOfCheckpointing = 70;

constexpr uint64_t kLogitsChunk = 1024;  // positions: LinearCrossEntropySum's
constexpr uint64_t kQueryBlock = 128;    // BlockAttention's
constexpr uint64_t kFloat = 4;           // bytes

// What the terms are made of, in elements unless they say otherwise.
struct Shapes {
  const ModelConfig& model;
  const Base& base;
  uint64_t width;  // bytes of what is computed in
  uint64_t hidden, inner, queries, keys, heads, kv_heads;
  uint64_t rank;
  bool dropout, on_cuda, several_examples;
  uint64_t length;  // of a row, tokens
};

Shapes ShapesOf(const Config& config, const Base& base, uint32_t rows, bool on_cuda) {
  const ModelConfig& model = base.model;
  const auto whole = [](int64_t value) { return static_cast<uint64_t>(value); };
  return {.model = model,
          .base = base,
          .width = base.dtype == "float32" ? uint64_t{4} : uint64_t{2},
          .hidden = whole(model.hidden_size),
          .inner = whole(model.intermediate_size),
          .queries = whole(model.num_attention_heads * model.head_dim),
          .keys = whole(model.num_key_value_heads * model.head_dim),
          .heads = whole(model.num_attention_heads),
          .kv_heads = whole(model.num_key_value_heads),
          .rank = config.lora_r,
          .dropout = config.lora_dropout > 0,
          .on_cuda = on_cuda,
          .several_examples = config.packing || rows > 1,
          .length = config.max_length};
}

bool IsAdapted(const Shapes& shapes, std::string_view projection) {
  const auto& names = shapes.base.target_modules;
  return std::find(names.begin(), names.end(), projection) != names.end();
}

// Bytes that LoraLinear keeps of a token for projections that share their input: it, once, and for
// each one its mask and its low-rank product. `input` is 0 where another term has counted it.
uint64_t Adapted(const Shapes& shapes, std::initializer_list<std::string_view> projections,
                 uint64_t channels, uint64_t input) {
  uint64_t bytes = 0;
  for (const std::string_view projection : projections) {
    if (!IsAdapted(shapes, projection)) continue;
    bytes += (shapes.dropout ? channels : 0) + shapes.rank * shapes.width;
  }
  return bytes > 0 ? bytes + input * shapes.width : 0;
}

// Whether attention runs block by block (BlockAttention) and not in a kernel of libtorch.
bool IsBlockwise(const Shapes& shapes, uint64_t window) {
  if (shapes.model.attention_softcap > 0) return true;
  const bool has_windows = shapes.on_cuda && shapes.width == 2;  // the kernel
  return !has_windows && window > 0 && window < shapes.length;
}

// Queries, keys, values, output and what the output projection keeps of it.
uint64_t AttentionBytes(const Shapes& shapes, uint64_t window) {
  const uint64_t log_sums = shapes.heads * kFloat;
  // Its output is in another order than the projection's input.
  if (IsBlockwise(shapes, window)) return 5 * shapes.queries * shapes.width;
  // The one kernel that repeats no key for the queries that share it.
  if (shapes.on_cuda && shapes.width == 2)
    return (2 * shapes.queries + 2 * shapes.keys) * shapes.width + log_sums;
  if (shapes.on_cuda) return 4 * shapes.queries * shapes.width + log_sums;
  // Values that no repetition copies are a view of all that a fused projection gave.
  const bool pins = shapes.model.fused_projections && shapes.keys == shapes.queries;
  const uint64_t values = pins ? 3 * shapes.queries : shapes.queries;
  const uint64_t joined = shapes.several_examples ? shapes.queries : 0;
  return (3 * shapes.queries + values + joined) * shapes.width + log_sums;
}

// Of one token in one layer.
uint64_t LayerBytes(const Shapes& shapes, uint64_t window) {
  const ModelConfig& model = shapes.model;
  const uint64_t normed = shapes.hidden * shapes.width + kFloat;  // RmsNorm: input, inverse rms
  uint64_t bytes = (model.output_norms ? 4 : 2) * normed;
  bytes +=
      Adapted(shapes, {"q_proj", "k_proj", "v_proj", "qkv_proj"}, shapes.hidden, shapes.hidden);
  if (model.query_key_norm) {
    bytes += (shapes.queries + shapes.keys) * shapes.width;
    bytes += (shapes.heads + shapes.kv_heads) * kFloat;
  }
  bytes += AttentionBytes(shapes, window);
  bytes += Adapted(shapes, {"o_proj"}, shapes.queries, 0);
  bytes += Adapted(shapes, {"gate_proj", "up_proj", "gate_up_proj"}, shapes.hidden, shapes.hidden);
  bytes += 2 * shapes.inner * shapes.width;  // GatedActivation: gate, up
  return bytes + Adapted(shapes, {"down_proj"}, shapes.inner, shapes.inner);
}

uint64_t WindowOf(const ModelConfig& model, size_t layer) {
  return model.windows.empty() ? 0 : static_cast<uint64_t>(model.windows[layer]);
}

// Of one token in all layers.
uint64_t KeptBytes(const Shapes& shapes, bool checkpointing) {
  uint64_t bytes = 0;
  for (size_t layer = 0; layer < static_cast<size_t>(shapes.model.num_hidden_layers); ++layer) {
    bytes += checkpointing ? shapes.hidden * shapes.width
                           : LayerBytes(shapes, WindowOf(shapes.model, layer));
  }
  return bytes;
}

uint64_t LogitsBytes(const Shapes& shapes, uint64_t tokens) {
  // In fp32, with what they are computed in beside them, or with the soft cap's slope and square.
  const uint64_t copies = shapes.model.final_softcap > 0 ? 3 * kFloat
                          : shapes.width == 2            ? kFloat + shapes.width
                                                         : kFloat;
  const auto vocabulary = static_cast<uint64_t>(shapes.model.vocab_size);
  // The final norm's input and output, and the gradient.
  return std::min(tokens, kLogitsChunk) * vocabulary * copies +
         3 * tokens * shapes.hidden * shapes.width;
}

// Of the feed-forward, the first to go backward, or of a block of attention, with what the layers'
// own gradients take.
uint64_t BackwardBytes(const Shapes& shapes, uint32_t rows, uint64_t window) {
  const uint64_t tokens = rows * shapes.length;
  const uint64_t feed_forward = tokens * (4 * shapes.inner + shapes.hidden) * shapes.width;
  if (!IsBlockwise(shapes, window)) return feed_forward;
  const uint64_t seen = window > 0 ? std::min(shapes.length, window + kQueryBlock) : shapes.length;
  const uint64_t scores = rows * shapes.heads * std::min(kQueryBlock, shapes.length) * seen;
  const uint64_t sums = tokens * shapes.queries * 2 * kFloat;  // of keys and values
  return std::max(feed_forward, scores * 4 * kFloat + sums);
}

uint64_t WorkingBytes(const Shapes& shapes, uint32_t rows, bool checkpointing) {
  const uint64_t tokens = rows * shapes.length;
  uint64_t backward = 0;
  for (size_t layer = 0; layer < static_cast<size_t>(shapes.model.num_hidden_layers); ++layer) {
    const uint64_t window = WindowOf(shapes.model, layer);
    const uint64_t again = checkpointing ? tokens * LayerBytes(shapes, window) : 0;
    backward = std::max(backward, again + BackwardBytes(shapes, rows, window));
  }
  return std::max(LogitsBytes(shapes, tokens), backward);
}

uint64_t WeightBytes(const Shapes& shapes) {
  uint64_t elements = 0;
  for (const WeightShape& weight : WeightsOf(shapes.model)) {
    uint64_t product = 1;
    for (const int64_t size : weight.shape) product *= static_cast<uint64_t>(size);
    elements += product;
  }
  return elements * shapes.width;
}

}  // namespace

MemoryEstimate EstimateMemory(const Config& config, const Base& base, uint32_t rows, bool on_cuda) {
  const Shapes shapes = ShapesOf(config, base, rows, on_cuda);
  const bool checkpointing = config.gradient_checkpointing.value_or(false);
  MemoryEstimate estimate;
  estimate.program = on_cuda ? kProgramOnCuda : kProgramOnCpu;
  estimate.kernels = !on_cuda && shapes.width == 2 ? kKernelsOnCpu : 0;
  estimate.weights = WeightBytes(shapes);
  const uint64_t copies = 4 + (on_cuda ? 0 : 1) + (config.early_stopping_patience > 0 ? 1 : 0);
  estimate.adapter = static_cast<uint64_t>(base.layout.elements) * copies * kFloat;
  estimate.activations_per_row = shapes.length * KeptBytes(shapes, checkpointing);
  estimate.activations = rows * estimate.activations_per_row;
  estimate.working = WorkingBytes(shapes, rows, checkpointing);
  const uint64_t holes = checkpointing ? kHeapHolesPercentOfCheckpointing : kHeapHolesPercent;
  if (!on_cuda) estimate.heap_holes = (estimate.activations + estimate.working) / 100 * holes;
  return estimate;
}

}  // namespace strata
