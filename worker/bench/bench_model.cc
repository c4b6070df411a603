#include "worker/bench/bench_model.h"

#include <map>
#include <utility>

#include "worker/bench/random_weights.h"
#ifdef STRATA_WITH_FOLDERS
#include "worker/bench/folder_model.h"
#endif

namespace strata {
namespace {

struct Sizes {
  int64_t vocabulary, hidden, ffn, layers, heads, kv_heads, head_dim;
  bool tied;
  double rope_factor;  // of llama3's scaling; 0: none
};

// 1b and 8b as meta-llama's config.json has them.
const std::map<std::string, Sizes> kNamed = {
    {"tiny", {512, 64, 176, 2, 4, 2, 16, true, 0}},
    {"100m", {32000, 768, 2048, 12, 12, 4, 64, true, 0}},
    {"1b", {128256, 2048, 8192, 16, 32, 8, 64, true, 32}},
    {"8b", {128256, 4096, 14336, 32, 32, 8, 128, false, 8}},
};

ModelConfig ConfigOf(const Sizes& sizes) {
  ModelConfig config;
  config.architecture = "LlamaForCausalLM";
  config.vocab_size = sizes.vocabulary;
  config.hidden_size = sizes.hidden;
  config.intermediate_size = sizes.ffn;
  config.num_hidden_layers = sizes.layers;
  config.num_attention_heads = sizes.heads;
  config.num_key_value_heads = sizes.kv_heads;
  config.head_dim = sizes.head_dim;
  config.max_position_embeddings = 131072;
  config.rms_norm_eps = 1e-5;
  config.tie_word_embeddings = sizes.tied;
  config.dtype = "bfloat16";
  if (sizes.rope_factor > 0) {
    config.rope.theta = 500000;
    config.rope.scaling = RopeScaling::kLlama3;
    config.rope.factor = sizes.rope_factor;
    config.rope.low_freq_factor = 1;
    config.rope.high_freq_factor = 4;
    config.rope.original_positions = 8192;
  }
  config.local_rope = config.rope;
  return config;
}

}  // namespace

BenchModel FindBenchModel(const std::string& base) {
  BenchModel model;
  const auto named = kNamed.find(base);
  if (named != kNamed.end()) {
    model.config = ConfigOf(named->second);
  } else {
#ifdef STRATA_WITH_FOLDERS
    try {
      FolderModel folder = OpenFolderModel(base);
      model.config = folder.config;
      model.weights = std::move(folder.weights);
    } catch (const std::runtime_error& error) {
      throw BaseError(error.what());
    }
#else
    throw BaseError(
        "'" + base +
        "' is not tiny, 100m, 1b or 8b; this is the engine alone, which reads no folders: build "
        "strata whole (deploy/setup.sh), or name one of those");
#endif
  }
  model.random = model.weights == nullptr;
  if (model.random) model.weights = std::make_unique<RandomWeights>(model.config);
  return model;
}

}  // namespace strata
