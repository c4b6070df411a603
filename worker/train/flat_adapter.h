// Holds the adapter as training sees it: fp32 masters in one flat buffer, gradients in another, and
// per tensor a leaf whose value and gradient are views of them, so that a backward pass accumulates
// in place and one call reduces, clips or updates everything. Takes values from a version, gives
// them back to the next.
//
// Ownership: the leaves share the buffers; an update of values_N() is seen by them at once.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "common/adapter_layout.h"

namespace strata {

class FlatAdapter {
 public:
  // Words that travel behind the gradients in the step's one reduction.
  static constexpr int64_t kControlWords = 5;

  // All values zero. Throws c10::Error when the device has no room.
  FlatAdapter(const AdapterLayout& layout, at::Device device);
  FlatAdapter(const FlatAdapter&) = delete;
  FlatAdapter& operator=(const FlatAdapter&) = delete;

  // Throws std::invalid_argument when the count is not that of the layout.
  void Load(const std::vector<float>& values);
  std::vector<float> Values() const;

  // In the order of the layout; fp32, requiring grad.
  const std::vector<at::Tensor>& leaves() const { return leaves_; }
  const AdapterLayout& layout() const { return layout_; }
  at::Tensor& values_N() { return values_N_; }
  const at::Tensor& values_N() const { return values_N_; }
  at::Tensor& gradients_N() { return gradients_N_; }
  // The gradients with the control words behind them.
  at::Tensor& reduced_M() { return reduced_M_; }
  at::Tensor& control_words() { return control_words_; }
  at::Device device() const { return values_N_.device(); }

 private:
  AdapterLayout layout_;
  at::Tensor values_N_, reduced_M_, gradients_N_, control_words_;
  std::vector<at::Tensor> leaves_;
};

}  // namespace strata
