// Computes a frozen decoder with a LoRA adapter on its projections. To train it takes packed tokens
// and the adapter's tensors and gives the summed negative log-likelihood, which autograd can follow
// back to the adapter; to generate it takes what is new of each sequence and gives the logits of
// what comes next.
//
// Model: pre-norm layers of grouped-query attention with rotary positions and a gated feed-forward;
// all that differs between families is data of a ModelConfig. The base in `compute`, loss and norms
// in fp32, the adapter in fp32 and cast on use. Positions begin anew with each example. Errors:
// std::runtime_error when a weight is missing or of the wrong shape, c10::Error from libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/model_config.h"
#include "worker/model/decoder_weights.h"
#include "worker/model/dropout_masks.h"
#include "worker/model/keyed_dropout.h"
#include "worker/model/kv_cache.h"
#include "worker/model/packed_tokens.h"
#include "worker/model/rotary.h"
#include "worker/model/weight_source.h"

namespace strata {

struct LoraSettings {
  int64_t r = 0;
  double alpha = 0;
  double dropout = 0;  // in [0, 1)
  std::vector<std::string> target_modules;
};

// What a pass that trains does beyond computing the loss.
struct TrainingPass {
  uint64_t step_key = 0;                // of this step's random numbers
  double neftune_noise_alpha = 0;       // 0: no noise on the embeddings
  bool gradient_checkpointing = false;  // each layer is computed again in the backward pass
};

// What a sequence has beyond its cache: all of it while the cache is empty, else one token.
struct NewTokens {
  std::vector<int64_t> ids;
  KvCache* cache = nullptr;
};

class Decoder {
 public:
  // Copies the weights: `source` may go afterwards. `compute` is float32 or bfloat16.
  Decoder(const ModelConfig& config, const LoraSettings& lora, const WeightSource& source,
          at::ScalarType compute, at::Device device);

  // A float64 scalar, in nats, over the targets. `adapter` holds the tensors of an AdapterLayout in
  // its order; with an empty one the base alone is computed. Without `training` there is no dropout
  // and no noise. The decoder must outlive the backward pass.
  at::Tensor NllSum(const PackedTokens& tokens, const std::vector<at::Tensor>& adapter,
                    const std::optional<TrainingPass>& training) const;

  // The logits of the token that follows each sequence, fp32 [sequences, vocabulary]; the caches
  // have the new tokens afterwards. For use without grad mode; no dropout. Throws
  // std::invalid_argument when a sequence brings another number of tokens than NewTokens says.
  at::Tensor Logits(const std::vector<NewTokens>& sequences,
                    const std::vector<at::Tensor>& adapter) const;
  // Empty, for one sequence.
  std::unique_ptr<KvCache> NewCache() const {
    return std::make_unique<KvCache>(weights_.layers.size());
  }
  // Whether a sequence that grows from `length` to `length` + 1 tokens changes its rotary
  // frequencies (LongRoPE), so that what its cache has no longer holds.
  bool OutgrowsCache(int64_t length) const;

  at::Device device() const { return placement_.device; }
  at::ScalarType compute() const { return placement_.compute; }
  int64_t positions_max() const { return config_.max_position_embeddings; }  // of a sequence

 private:
  struct Pass;  // what stays the same for all layers of one forward pass

  Pass BeginPass(const std::vector<PositionSpan>& spans,
                 const std::vector<at::Tensor>& adapter) const;
  at::Tensor Embedded(const PackedTokens& tokens,
                      const std::optional<TrainingPass>& training) const;
  // The normalised hidden states of the tokens that predict something.
  at::Tensor Hidden(const std::shared_ptr<const Pass>& pass, const PackedTokens& tokens) const;
  at::Tensor Layer(const Pass& pass, size_t layer, const at::Tensor& x_TD) const;
  at::Tensor Apply(const Pass& pass, const FrozenLinear& linear, const at::Tensor& x_TI) const;
  std::vector<at::Tensor> ApplyEach(const Pass& pass, const std::vector<FrozenLinear>& linears,
                                    const std::vector<int64_t>& widths,
                                    const at::Tensor& x_TI) const;
  at::Tensor Attention(const Pass& pass, size_t layer, const at::Tensor& x_TD) const;
  at::Tensor FeedForward(const Pass& pass, const DecoderLayer& layer, const at::Tensor& x_TD) const;

  ModelConfig config_;
  LoraSettings lora_;
  Placement placement_;
  DropoutRate dropout_;
  std::unique_ptr<DropoutMasks> masks_;  // none without dropout
  DecoderWeights weights_;
};

}  // namespace strata
