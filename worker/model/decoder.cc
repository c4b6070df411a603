#include "worker/model/decoder.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "worker/model/cached_attention.h"
#include "worker/model/example_attention.h"
#include "worker/model/linear_cross_entropy.h"
#include "worker/model/lora_linear.h"

namespace strata {
namespace {

at::Tensor IndexTensor(const std::vector<int64_t>& values, at::Device device) {
  return at::tensor(values, at::kLong).to(device);
}

at::Tensor PositionsOf(const std::vector<int64_t>& example_lengths) {
  std::vector<int64_t> positions;
  for (const int64_t length : example_lengths)
    for (int64_t i = 0; i < length; ++i) positions.push_back(i);
  return at::tensor(positions, at::kLong);
}

// Where the new tokens of each sequence stand in it.
at::Tensor PositionsOf(const CachedSequences& sequences) {
  std::vector<int64_t> positions;
  for (size_t i = 0; i < sequences.lengths.size(); ++i)
    for (int64_t t = 0; t < sequences.lengths[i]; ++t)
      positions.push_back(sequences.caches[i]->length() + t);
  return at::tensor(positions, at::kLong);
}

}  // namespace

struct Decoder::Pass {
  const PackedTokens& tokens;
  const std::vector<at::Tensor>& adapter;
  std::optional<uint64_t> dropout_key;
  RotaryAngles angles;
  const CachedSequences* cached = nullptr;  // none in training
};

Decoder::Decoder(const ModelConfig& config, const LoraSettings& lora, const WeightSource& source,
                 at::ScalarType compute, at::Device device)
    : config_(config),
      lora_(lora),
      placement_{compute, device},
      dropout_(QuantisedRate(lora.dropout)) {
  const int64_t hidden = config_.hidden_size, vocabulary = config_.vocab_size;
  embedding_VD_ =
      FrozenWeight(source, "model.embed_tokens.weight", {vocabulary, hidden}, placement_);
  head_VD_ = config_.tie_word_embeddings
                 ? embedding_VD_
                 : FrozenWeight(source, "lm_head.weight", {vocabulary, hidden}, placement_);
  final_norm_D_ = FrozenWeight(source, "model.norm.weight", {hidden}, placement_);
  LoadLayers(source);
}

void Decoder::LoadLayers(const WeightSource& source) {
  const std::vector<Projection> projections = ProjectionsOf(config_);
  int64_t adapter = 0;
  uint32_t next = 0;
  const auto linear = [&] {
    const Projection& projection = projections[next];
    const auto& targets = lora_.target_modules;
    const bool adapted =
        std::find(targets.begin(), targets.end(), projection.name) != targets.end();
    Linear made;
    made.weight_OI = FrozenWeight(source, projection.path + ".weight",
                                  {projection.out, projection.in}, placement_);
    made.projection = next++;
    if (adapted) made.adapter = adapter, adapter += 2;
    return made;
  };
  for (int64_t i = 0; i < config_.num_hidden_layers; ++i) {
    const std::string at = "model.layers." + std::to_string(i);
    const auto norm = [&](const std::string& name) {
      return FrozenWeight(source, at + name, {config_.hidden_size}, placement_);
    };
    // Braces evaluate in order: the projections come as ProjectionsOf lists them.
    layers_.push_back(Layer{norm(".input_layernorm.weight"),
                            norm(".post_attention_layernorm.weight"), linear(), linear(), linear(),
                            linear(), linear(), linear(), linear()});
  }
}

at::Tensor Decoder::NllSum(const PackedTokens& tokens, const std::vector<at::Tensor>& adapter,
                           std::optional<uint64_t> step_dropout_key) const {
  const Pass pass{tokens, adapter, step_dropout_key,
                  AnglesAt(PositionsOf(tokens.example_lengths), config_.head_dim,
                           config_.rope_theta, embedding_VD_)};
  return LinearCrossEntropySum(Hidden(pass), head_VD_, IndexTensor(tokens.targets, device()));
}

at::Tensor Decoder::Logits(const std::vector<NewTokens>& sequences,
                           const std::vector<at::Tensor>& adapter) const {
  PackedTokens tokens;
  CachedSequences cached;
  for (const NewTokens& sequence : sequences) {
    if (sequence.ids.empty()) throw std::invalid_argument("a sequence without a new token");
    tokens.ids.insert(tokens.ids.end(), sequence.ids.begin(), sequence.ids.end());
    tokens.predictors.push_back(static_cast<int64_t>(tokens.ids.size()) - 1);
    cached.lengths.push_back(static_cast<int64_t>(sequence.ids.size()));
    cached.caches.push_back(sequence.cache);
  }
  const Pass pass{
      tokens, adapter, std::nullopt,
      AnglesAt(PositionsOf(cached), config_.head_dim, config_.rope_theta, embedding_VD_), &cached};
  return at::linear(Hidden(pass), head_VD_).to(at::kFloat);
}

at::Tensor Decoder::Hidden(const Pass& pass) const {
  at::Tensor hidden_TD = at::embedding(embedding_VD_, IndexTensor(pass.tokens.ids, device()));
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    hidden_TD = hidden_TD + Attention(pass, layer, hidden_TD);
    hidden_TD = hidden_TD + FeedForward(pass, layers_[layer], hidden_TD);
  }
  const at::Tensor used_SD =
      hidden_TD.index_select(0, IndexTensor(pass.tokens.predictors, device()));
  return RmsNorm(used_SD, final_norm_D_, config_.rms_norm_eps);
}

at::Tensor Decoder::Apply(const Pass& pass, const Linear& linear, const at::Tensor& x_TI) const {
  if (linear.adapter < 0 || pass.adapter.empty()) return at::linear(x_TI, linear.weight_OI);
  LoraFactors factors;
  factors.a_RI = pass.adapter[linear.adapter];
  factors.b_OR = pass.adapter[linear.adapter + 1];
  factors.scale = lora_.alpha / static_cast<double>(lora_.r);
  if (pass.dropout_key && !dropout_.none()) {
    factors.scale *= dropout_.scale();
    factors.keep_mask_TI =
        KeepMask({*pass.dropout_key, linear.projection}, dropout_, pass.tokens.places, x_TI.size(1))
            .to(x_TI.device());
  }
  return LoraLinear(x_TI, linear.weight_OI, factors);
}

at::Tensor Decoder::Attention(const Pass& pass, size_t index, const at::Tensor& x_TD) const {
  const Layer& layer = layers_[index];
  const at::Tensor normal_TD = RmsNorm(x_TD, layer.attention_norm_D, config_.rms_norm_eps);
  const auto heads = [&](const Linear& linear, int64_t count) {
    return Apply(pass, linear, normal_TD).view({-1, count, config_.head_dim});
  };
  const at::Tensor query_THC =
      Rotated(heads(layer.query, config_.num_attention_heads), pass.angles);
  const at::Tensor key_TKC = Rotated(heads(layer.key, config_.num_key_value_heads), pass.angles);
  const at::Tensor value_TKC = heads(layer.value, config_.num_key_value_heads);
  const at::Tensor mixed_TD =
      pass.cached != nullptr
          ? CachedAttention(*pass.cached, index, query_THC, key_TKC, value_TKC)
          : ExampleAttention(query_THC, key_TKC, value_TKC, pass.tokens.example_lengths);
  return Apply(pass, layer.output, mixed_TD);
}

at::Tensor Decoder::FeedForward(const Pass& pass, const Layer& layer,
                                const at::Tensor& x_TD) const {
  const at::Tensor normal_TD = RmsNorm(x_TD, layer.mlp_norm_D, config_.rms_norm_eps);
  const at::Tensor gate_TF = Apply(pass, layer.gate, normal_TD);
  return Apply(pass, layer.down, GatedSilu(gate_TF, Apply(pass, layer.up, normal_TD)));
}

}  // namespace strata
