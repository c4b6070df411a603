#include "worker/model/decoder.h"

#include <ATen/ATen.h>

#include <cmath>
#include <stdexcept>

#include "worker/model/cached_attention.h"
#include "worker/model/checkpointed.h"
#include "worker/model/device_tensor.h"
#include "worker/model/embedding_noise.h"
#include "worker/model/example_attention.h"
#include "worker/model/frozen_layers.h"
#include "worker/model/linear_cross_entropy.h"
#include "worker/model/lora_linear.h"

namespace strata {
namespace {

std::vector<PositionSpan> SpansOf(const std::vector<int64_t>& example_lengths) {
  std::vector<PositionSpan> spans;
  for (const int64_t length : example_lengths) spans.push_back({0, length});
  return spans;
}

// Where the new tokens of each sequence stand in it.
std::vector<PositionSpan> SpansOf(const CachedSequences& sequences) {
  std::vector<PositionSpan> spans;
  for (size_t i = 0; i < sequences.lengths.size(); ++i)
    spans.push_back({sequences.caches[i]->length(), sequences.lengths[i]});
  return spans;
}

at::Tensor NormalisedIf(const at::Tensor& weight_D, const at::Tensor& x_TD, double epsilon) {
  return weight_D.defined() ? RmsNorm(x_TD, weight_D, epsilon) : x_TD;
}

}  // namespace

// Copies what it needs, for a layer that is computed again outlives the call that began it.
struct Decoder::Pass {
  std::vector<at::Tensor> adapter;
  RotaryAngles angles, local_angles;
  std::optional<TrainingPass> training;
  Examples examples;
  PassPlaces places;                        // none without dropout
  const CachedSequences* cached = nullptr;  // none in training
};

Decoder::Decoder(const ModelConfig& config, const LoraSettings& lora, const WeightSource& source,
                 at::ScalarType compute, at::Device device)
    : config_(config),
      lora_(lora),
      placement_{compute, device},
      dropout_(QuantisedRate(lora.dropout)),
      weights_(LoadWeights(config, lora.target_modules, source, placement_)) {
  if (!dropout_.none()) masks_ = MakeDropoutMasks(dropout_, device);
  if (config_.attention_scale == 0)
    config_.attention_scale = std::pow(static_cast<double>(config_.head_dim), -0.5);
}

Decoder::Pass Decoder::BeginPass(const std::vector<PositionSpan>& spans,
                                 const std::vector<at::Tensor>& adapter) const {
  Pass pass;
  pass.adapter = adapter;
  pass.angles = AnglesAt(spans, config_.rope, config_.head_dim, weights_.embedding_VD);
  pass.local_angles = config_.windows.empty() ? pass.angles
                                              : AnglesAt(spans, config_.local_rope,
                                                         config_.head_dim, weights_.embedding_VD);
  return pass;
}

at::Tensor Decoder::NllSum(const PackedTokens& tokens, const std::vector<at::Tensor>& adapter,
                           const std::optional<TrainingPass>& training) const {
  auto pass = std::make_shared<Pass>(BeginPass(SpansOf(tokens.example_lengths), adapter));
  pass->training = training;
  pass->examples = ExamplesOf(tokens.example_lengths, device());
  if (training && masks_) pass->places = masks_->Place(tokens.places);
  return LinearCrossEntropySum(Hidden(pass, tokens), weights_.head_VD,
                               IndexTensor(tokens.targets, device()), config_.final_softcap);
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
  auto pass = std::make_shared<Pass>(BeginPass(SpansOf(cached), adapter));
  pass->cached = &cached;
  const at::Tensor logits_SV = at::linear(Hidden(pass, tokens), weights_.head_VD).to(at::kFloat);
  if (config_.final_softcap == 0) return logits_SV;
  return (logits_SV / config_.final_softcap).tanh_().mul_(config_.final_softcap);
}

bool Decoder::OutgrowsCache(int64_t length) const {
  return config_.rope.scaling == RopeScaling::kLongRope &&
         length == config_.rope.original_positions;
}

at::Tensor Decoder::Embedded(const PackedTokens& tokens,
                             const std::optional<TrainingPass>& training) const {
  at::Tensor hidden_TD = at::embedding(weights_.embedding_VD, IndexTensor(tokens.ids, device()));
  if (config_.embedding_scale != 1)
    hidden_TD.mul_(at::scalar_tensor(config_.embedding_scale, at::dtype(compute())));
  if (training && training->neftune_noise_alpha > 0) {
    const at::Tensor noise_TD = EmbeddingNoise(training->step_key, training->neftune_noise_alpha,
                                               tokens, config_.hidden_size);
    hidden_TD.add_(OnDevice(noise_TD.to(compute()), device()));
  }
  return hidden_TD;
}

at::Tensor Decoder::Hidden(const std::shared_ptr<const Pass>& pass,
                           const PackedTokens& tokens) const {
  at::Tensor hidden_TD = Embedded(tokens, pass->training);
  for (size_t i = 0; i < weights_.layers.size(); ++i) {
    if (!pass->training || !pass->training->gradient_checkpointing) {
      hidden_TD = Layer(*pass, i, hidden_TD);
      continue;
    }
    std::vector<at::Tensor> leaves;
    if (!pass->adapter.empty())
      for (const int64_t tensor : weights_.layers[i].AdapterTensors())
        leaves.push_back(pass->adapter[static_cast<size_t>(tensor)]);
    hidden_TD =
        Checkpointed([this, pass, i](const at::Tensor& x_TD) { return Layer(*pass, i, x_TD); },
                     hidden_TD, leaves);
  }
  const at::Tensor used_SD = hidden_TD.index_select(0, IndexTensor(tokens.predictors, device()));
  return RmsNorm(used_SD, weights_.final_norm_D, config_.rms_norm_eps);
}

at::Tensor Decoder::Layer(const Pass& pass, size_t index, const at::Tensor& x_TD) const {
  const DecoderLayer& layer = weights_.layers[index];
  const double epsilon = config_.rms_norm_eps;
  const at::Tensor attended_TD =
      x_TD + NormalisedIf(layer.attention_out_norm_D, Attention(pass, index, x_TD), epsilon);
  return attended_TD +
         NormalisedIf(layer.mlp_out_norm_D, FeedForward(pass, layer, attended_TD), epsilon);
}

at::Tensor Decoder::Apply(const Pass& pass, const FrozenLinear& linear,
                          const at::Tensor& x_TI) const {
  if (linear.adapter < 0 || pass.adapter.empty())
    return at::linear(x_TI, linear.weight_OI,
                      linear.bias_O.defined() ? std::optional(linear.bias_O) : std::nullopt);
  LoraFactors factors;
  factors.a_RI = pass.adapter[linear.adapter];
  factors.b_OR = pass.adapter[linear.adapter + 1];
  factors.scale = lora_.alpha / static_cast<double>(lora_.r);
  if (pass.training && masks_) {
    factors.scale *= dropout_.scale();
    factors.keep_mask_TI =
        masks_->Mask({pass.training->step_key, linear.projection}, pass.places, x_TI.size(1));
  }
  return LoraLinear(x_TI, linear.weight_OI, linear.bias_O, factors);
}

std::vector<at::Tensor> Decoder::ApplyEach(const Pass& pass,
                                           const std::vector<FrozenLinear>& linears,
                                           const std::vector<int64_t>& widths,
                                           const at::Tensor& x_TI) const {
  if (linears.size() == 1) return Apply(pass, linears[0], x_TI).split_with_sizes(widths, -1);
  std::vector<at::Tensor> parts;
  for (const FrozenLinear& linear : linears) parts.push_back(Apply(pass, linear, x_TI));
  return parts;
}

at::Tensor Decoder::Attention(const Pass& pass, size_t index, const at::Tensor& x_TD) const {
  const DecoderLayer& layer = weights_.layers[index];
  const int64_t query_width = config_.num_attention_heads * config_.head_dim;
  const int64_t key_width = config_.num_key_value_heads * config_.head_dim;
  const at::Tensor normal_TD = RmsNorm(x_TD, layer.attention_norm_D, config_.rms_norm_eps);
  const auto parts = ApplyEach(pass, layer.qkv, {query_width, key_width, key_width}, normal_TD);
  const auto heads = [&](const at::Tensor& part_TI) {
    return part_TI.unflatten(-1, {-1, config_.head_dim});
  };
  const RotaryAngles& angles = layer.window > 0 ? pass.local_angles : pass.angles;
  const auto turned = [&](const at::Tensor& part_TI, const at::Tensor& norm_C) {
    return Rotated(NormalisedIf(norm_C, heads(part_TI), config_.rms_norm_eps), angles);
  };
  const at::Tensor query_THC = turned(parts[0], layer.query_norm_C);
  const at::Tensor key_TKC = turned(parts[1], layer.key_norm_C);
  const at::Tensor value_TKC = heads(parts[2]);
  const ScoreRule rule{config_.attention_scale, config_.attention_softcap, layer.window};
  const at::Tensor mixed_TD =
      pass.cached != nullptr
          ? CachedAttention(*pass.cached, index, query_THC, key_TKC, value_TKC, rule)
          : ExampleAttention(query_THC, key_TKC, value_TKC, pass.examples, rule);
  return Apply(pass, layer.output, mixed_TD);
}

at::Tensor Decoder::FeedForward(const Pass& pass, const DecoderLayer& layer,
                                const at::Tensor& x_TD) const {
  const int64_t width = config_.intermediate_size;
  const at::Tensor normal_TD = RmsNorm(x_TD, layer.mlp_norm_D, config_.rms_norm_eps);
  const auto parts = ApplyEach(pass, layer.gate_up, {width, width}, normal_TD);
  return Apply(pass, layer.down, GatedActivation(parts[0], parts[1], config_.activation));
}

}  // namespace strata
