#include "worker/model/decoder_weights.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace strata {
namespace {

// Takes the weights in the order of ProjectionsOf.
class Loader {
 public:
  Loader(const ModelConfig& config, const std::vector<std::string>& target_modules,
         const WeightSource& source, const Placement& placement)
      : config_(config),
        targets_(target_modules),
        source_(source),
        placement_(placement),
        projections_(ProjectionsOf(config)) {}

  at::Tensor Matrix(const std::string& name, int64_t rows, int64_t columns) const {
    return FrozenWeight(source_, name, {rows, columns}, placement_);
  }

  // In the dtype that RmsNorm tells the two ways of rounding by.
  at::Tensor Norm(const std::string& name, int64_t width) const {
    if (!config_.norm_plus_one) return FrozenWeight(source_, name, {width}, placement_);
    return FrozenWeight(source_, name, {width}, {at::kFloat, placement_.device}).add_(1);
  }

  DecoderLayer Layer(int64_t index) {
    const std::string at = "model.layers." + std::to_string(index) + ".";
    DecoderLayer layer;
    LoadNorms(at, &layer);
    layer.qkv = Linears(config_.fused_projections ? 1 : 3);
    layer.output = Linear();
    layer.gate_up = Linears(config_.fused_projections ? 1 : 2);
    layer.down = Linear();
    if (!config_.windows.empty()) layer.window = config_.windows[static_cast<size_t>(index)];
    return layer;
  }

 private:
  void LoadNorms(const std::string& at, DecoderLayer* layer) const {
    const auto norm = [&](const char* name) {
      return Norm(at + name + ".weight", config_.hidden_size);
    };
    layer->attention_norm_D = norm("input_layernorm");
    if (config_.output_norms) {
      layer->attention_out_norm_D = norm("post_attention_layernorm");
      layer->mlp_norm_D = norm("pre_feedforward_layernorm");
      layer->mlp_out_norm_D = norm("post_feedforward_layernorm");
    } else {
      layer->mlp_norm_D = norm("post_attention_layernorm");
    }
    if (!config_.query_key_norm) return;
    layer->query_norm_C = Norm(at + "self_attn.q_norm.weight", config_.head_dim);
    layer->key_norm_C = Norm(at + "self_attn.k_norm.weight", config_.head_dim);
  }

  FrozenLinear Linear() {
    const Projection& projection = projections_[next_];
    FrozenLinear linear;
    linear.projection = next_++;
    linear.weight_OI = Matrix(projection.path + ".weight", projection.out, projection.in);
    if (projection.bias)
      linear.bias_O =
          FrozenWeight(source_, projection.path + ".bias", {projection.out}, placement_);
    if (std::find(targets_.begin(), targets_.end(), projection.name) != targets_.end()) {
      linear.adapter = adapter_;
      adapter_ += 2;
    }
    return linear;
  }

  std::vector<FrozenLinear> Linears(int count) {
    std::vector<FrozenLinear> linears;
    for (int i = 0; i < count; ++i) linears.push_back(Linear());
    return linears;
  }

  const ModelConfig& config_;
  const std::vector<std::string>& targets_;
  const WeightSource& source_;
  const Placement& placement_;
  std::vector<Projection> projections_;
  uint32_t next_ = 0;
  int64_t adapter_ = 0;
};

}  // namespace

std::vector<int64_t> DecoderLayer::AdapterTensors() const {
  std::vector<int64_t> tensors;
  const auto add = [&](const FrozenLinear& linear) {
    if (linear.adapter < 0) return;
    tensors.push_back(linear.adapter);
    tensors.push_back(linear.adapter + 1);
  };
  std::for_each(qkv.begin(), qkv.end(), add);
  add(output);
  std::for_each(gate_up.begin(), gate_up.end(), add);
  add(down);
  return tensors;
}

DecoderWeights LoadWeights(const ModelConfig& config,
                           const std::vector<std::string>& target_modules,
                           const WeightSource& source, const Placement& placement) {
  Loader loader(config, target_modules, source, placement);
  const int64_t hidden = config.hidden_size, vocabulary = config.vocab_size;
  DecoderWeights weights;
  weights.embedding_VD = loader.Matrix("model.embed_tokens.weight", vocabulary, hidden);
  weights.head_VD = config.tie_word_embeddings
                        ? weights.embedding_VD
                        : loader.Matrix("lm_head.weight", vocabulary, hidden);
  weights.final_norm_D = loader.Norm("model.norm.weight", hidden);
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) weights.layers.push_back(loader.Layer(i));
  return weights;
}

}  // namespace strata
