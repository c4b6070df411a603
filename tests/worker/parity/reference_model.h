// Makes decoder, adapter and training of a reference, as the worker makes them of a task: what the
// parity tests compare with the reference's numbers.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "tests/worker/parity/reference.h"
#include "tests/worker/tiny_model.h"
#include "worker/train/micro_batch.h"

namespace strata::testing {

class ReferenceModel {
 public:
  struct FirstStep {
    double loss = 0;
    std::vector<float> gradients;
  };
  struct Training {
    std::vector<StepReport> reports;
    std::vector<float> adapter;
  };

  explicit ReferenceModel(const std::string& folder, at::Device device = at::kCPU)
      : reference_(ReadReference(folder)), config_(ModelConfigOf(reference_)), device_(device) {
    lora_ = {reference_.Whole("r"), reference_.values.at("alpha"), reference_.values.at("dropout"),
             reference_.lists.at("target_modules")};
    layout_ = LayoutOf(config_, {lora_.r, lora_.target_modules});
    for (const auto& [name, tensor] : reference_.tensors) weights_.Put(name, tensor);
    settings_.dropout_key = static_cast<uint64_t>(reference_.Whole("stage_key"));
    settings_.steps = {static_cast<uint32_t>(reference_.steps.size())};
    settings_.micro_batch_size = 2;
    settings_.adamw.weight_decay = reference_.values.at("weight_decay");
    settings_.adamw.max_grad_norm = reference_.values.at("max_grad_norm");
  }

  const Reference& reference() const { return reference_; }
  const ModelConfig& config() const { return config_; }
  const AdapterLayout& layout() const { return layout_; }

  Decoder MakeDecoder(at::ScalarType compute = at::kFloat) const {
    return {config_, lora_, weights_, compute, device_};
  }

  // The tensors of the adapter as the reference begins with them.
  std::vector<at::Tensor> AdapterTensors() const {
    std::vector<at::Tensor> tensors;
    for (const AdapterTensor& tensor : layout_.tensors)
      tensors.push_back(at::tensor(reference_.Floats(tensor.name))
                            .view({tensor.rows, tensor.columns})
                            .to(device_));
    return tensors;
  }

  TrainingPass FirstPass() const {
    return TrainingPass{StepDropoutKey(settings_.dropout_key, 0, 0)};
  }

  FirstStep ComputeFirstStep(const TrainingPass& training) const {
    const Decoder decoder = MakeDecoder();
    FlatAdapter adapter(layout_, device_);
    adapter.Load(reference_.Flat(layout_, ""));
    const StepWork& work = reference_.steps[0];
    const PackedTokens tokens = MicroBatches(work.rows, 2)[0];
    const at::Tensor loss = decoder.NllSum(tokens, adapter.leaves(), training) /
                            static_cast<double>(work.step_supervised_tokens);
    loss.backward();
    const at::Tensor host_N = adapter.gradients_N().to(at::kCPU);
    const float* gradients = host_N.const_data_ptr<float>();
    return {loss.item<double>(), {gradients, gradients + layout_.elements}};
  }

  Training Train(at::ScalarType compute = at::kFloat) const {
    Decoder decoder = MakeDecoder(compute);
    FlatAdapter adapter(layout_, device_);
    adapter.Load(reference_.Flat(layout_, ""));
    FunctionSource source([&](StagePosition at) { return reference_.steps.at(at.step); });
    OneRank alone;
    Listener listener;
    TrainStage(settings_, {decoder, adapter, source, alone}, listener);
    return {listener.reports, adapter.Values()};
  }

 private:
  Reference reference_;
  ModelConfig config_;
  at::Device device_;
  LoraSettings lora_;
  AdapterLayout layout_;
  StageSettings settings_;
  VectorWeights weights_;
};

}  // namespace strata::testing
