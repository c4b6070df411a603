// Gives the tests of the worker a decoder small enough to train in a blink, with weights made by a
// key, and the world around a training loop made by hand: rows, one rank, a listener.
#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/adapter_layout.h"
#include "common/keyed_random.h"
#include "worker/model/decoder.h"
#include "worker/train/flat_adapter.h"
#include "worker/train/stage_trainer.h"

namespace strata::testing {

inline std::vector<float> KeyedValues(uint64_t key, int64_t count, float scale) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    const auto word = Philox({static_cast<uint32_t>(i), 0, 0, 0}, PhiloxKeyOf(key))[0];
    values.push_back((2 * UnitFloat(word) - 1) * scale);
  }
  return values;
}

// Weights kept in memory, as they would lie on disk.
class VectorWeights : public WeightSource {
 public:
  struct Weight {
    std::string dtype;
    std::vector<int64_t> shape;
    std::string bytes;
  };
  void Put(const std::string& name, Weight weight) { weights_[name] = std::move(weight); }
  void Put(const std::string& name, std::vector<int64_t> shape, const std::vector<float>& values) {
    const auto* bytes = reinterpret_cast<const char*>(values.data());
    Put(name, {"F32", std::move(shape), {bytes, values.size() * sizeof(float)}});
  }
  WeightView Get(const std::string& name) const override {
    const auto found = weights_.find(name);
    if (found == weights_.end()) throw std::runtime_error("no weight " + name);
    return {found->second.dtype, found->second.shape, found->second.bytes.data()};
  }
  bool Has(const std::string& name) const override { return weights_.count(name) > 0; }

 private:
  std::map<std::string, Weight> weights_;
};

inline ModelConfig TinyConfig() {
  ModelConfig config;
  config.architecture = "LlamaForCausalLM";
  config.vocab_size = 61;
  config.hidden_size = 24;
  config.intermediate_size = 40;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 10;
  config.max_position_embeddings = 256;
  config.dtype = "float32";
  return config;
}

inline VectorWeights TinyWeights(const ModelConfig& config) {
  VectorWeights weights;
  uint64_t key = 1;
  const auto matrix = [&](const std::string& name, int64_t rows, int64_t columns) {
    weights.Put(name, {rows, columns}, KeyedValues(++key, rows * columns, 1 / std::sqrt(columns)));
  };
  const auto norm = [&](const std::string& name) {
    weights.Put(name, {config.hidden_size}, std::vector<float>(config.hidden_size, 1));
  };
  matrix("model.embed_tokens.weight", config.vocab_size, config.hidden_size);
  matrix("lm_head.weight", config.vocab_size, config.hidden_size);
  norm("model.norm.weight");
  for (const Projection& projection : ProjectionsOf(config))
    matrix(projection.path + ".weight", projection.out, projection.in);
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    norm("model.layers." + std::to_string(layer) + ".input_layernorm.weight");
    norm("model.layers." + std::to_string(layer) + ".post_attention_layernorm.weight");
  }
  return weights;
}

inline LoraSettings TinyLora(double dropout) {
  return {4, 8, dropout, {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "down_proj"}};
}

inline AdapterLayout TinyLayout(const ModelConfig& config) {
  const LoraSettings lora = TinyLora(0);
  return LayoutOf(config, {lora.r, lora.target_modules});
}

// One row of examples with keyed tokens; all but each example's first two tokens are supervised.
inline TrainingRow TinyRow(uint64_t key, uint32_t index, const std::vector<int64_t>& lengths) {
  TrainingRow row;
  row.index = index;
  row.example_lengths = lengths;
  int64_t begin = 0;
  for (const int64_t length : lengths) {
    row.supervised.push_back({begin + 2, begin + length});
    begin += length;
  }
  for (int64_t t = 0; t < begin; ++t) {
    const PhiloxCounter counter = {static_cast<uint32_t>(t), index, 0, 1};
    row.ids.push_back(Philox(counter, PhiloxKeyOf(key))[0] % TinyConfig().vocab_size);
  }
  return row;
}

inline StepWork TinyStep(uint32_t step, double learning_rate) {
  StepWork work;
  work.step = step;
  work.learning_rate = learning_rate;
  work.rows = {TinyRow(step % 4, 0, {7, 9, 9}), TinyRow(step % 4, 1, {21}),
               TinyRow(step % 4, 2, {5, 12})};
  for (const TrainingRow& row : work.rows) {
    work.step_tokens += static_cast<int64_t>(row.ids.size());
    for (const SupervisedSpan& span : row.supervised)
      work.step_supervised_tokens += span.end - span.begin;
  }
  return work;
}

// Rows of other tokens than those of any TinyStep.
inline StepWork TinyHeldOutStep(uint32_t step) {
  StepWork work = TinyStep(step, 0);
  for (TrainingRow& row : work.rows)
    row.ids = TinyRow(100 + step, row.index, row.example_lengths).ids;
  return work;
}

class FunctionSource : public StepSource {
 public:
  explicit FunctionSource(std::function<StepWork(StagePosition)> fetch,
                          std::function<StepWork(uint32_t)> held_out = nullptr)
      : fetch_(std::move(fetch)), held_out_(std::move(held_out)) {}
  StepWork Fetch(StagePosition position) override { return fetch_(position); }
  StepWork FetchHeldOut(uint32_t, uint32_t step) override { return held_out_(step); }

 private:
  std::function<StepWork(StagePosition)> fetch_;
  std::function<StepWork(uint32_t)> held_out_;
};

class OneRank : public Collective {
 public:
  int rank() const override { return 0; }
  int world() const override { return 1; }
  void SumInPlace(at::Tensor&) override {}
};

class Listener : public TrainingObserver {
 public:
  void OnStep(const StepReport& report) override { reports.push_back(report); }
  void OnEvaluation(const EvaluationReport& report) override { evaluations.push_back(report); }
  bool StopRequested() override { return static_cast<int64_t>(reports.size()) == stop_before; }
  bool CheckpointDue(const StagePosition&, bool) override {
    return static_cast<int64_t>(reports.size()) == save_before;
  }
  void OnCheckpoint(TrainState state) override { checkpoints.push_back(std::move(state)); }

  std::vector<StepReport> reports;
  std::vector<EvaluationReport> evaluations;
  std::vector<TrainState> checkpoints;
  int64_t stop_before = -1;  // a step, counted over the stage
  int64_t save_before = -1;  // likewise: a checkpoint is taken after it
};

}  // namespace strata::testing
