// Updates a flat adapter by AdamW with decoupled weight decay (Loshchilov, Hutter: "Decoupled
// Weight Decay Regularization", 2019) in one fused call; in two where LoRA's A and B have rates of
// their own (LoRA+: Hayou, Ghosh, Yu: "LoRA+: Efficient Low Rank Adaptation of Large Models", 2024,
// as PEFT's create_loraplus_optimizer groups them). The moments live as long as one stage.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "common/adapter_layout.h"

namespace strata {

struct AdamWSettings {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01;
  double max_grad_norm = 1.0;    // global L2; 0: gradients are not clipped
  double loraplus_lr_ratio = 1;  // the learning rate of each lora_B over that of each lora_A
};

class AdamW {
 public:
  // Zero moments on the device of `like_N`, a flat buffer that `layout` describes.
  AdamW(const AdamWSettings& settings, const AdapterLayout& layout, const at::Tensor& like_N);

  // Clips gradients_N in place by its norm, then updates values_N. `grad_norm` is finite.
  void Update(at::Tensor& values_N, at::Tensor& gradients_N, double grad_norm,
              double learning_rate);

  // Its state: both moments, laid out as the adapter, and how often it has updated.
  const at::Tensor& first_moment_N() const { return first_moment_N_; }
  const at::Tensor& second_moment_N() const { return second_moment_N_; }
  int64_t updates() const;
  // Goes on from such a state.
  void Restore(const at::Tensor& first_moment_N, const at::Tensor& second_moment_N,
               int64_t updates);

 private:
  // The parts of a flat buffer that share a learning rate, as views of it.
  struct Group {
    double rate_ratio = 1;
    std::vector<AdapterTensor> parts;
    std::vector<at::Tensor> Of(const at::Tensor& flat_N) const;
  };

  AdamWSettings settings_;
  std::vector<Group> groups_;
  at::Tensor first_moment_N_, second_moment_N_, steps_;
};

// Global L2 norm, summed in fp64.
double GradientNorm(const at::Tensor& gradients_N);

}  // namespace strata
