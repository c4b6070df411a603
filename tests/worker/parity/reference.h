// Reads what make_reference.py wrote of one variant: a model's configuration and weights, the steps
// it was trained on and what came of them. Needs the standard library alone, so that the numbers
// can be compared where there is no Python.
#pragma once

#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/model_config.h"
#include "tests/worker/tiny_model.h"
#include "worker/train/step_work.h"

namespace strata::testing {

struct Reference {
  std::map<std::string, double> values;
  std::map<std::string, std::string> texts;
  std::map<std::string, std::vector<std::string>> lists;
  std::map<std::string, VectorWeights::Weight> tensors;
  std::vector<StepWork> steps;

  int64_t Whole(const std::string& name) const { return static_cast<int64_t>(values.at(name)); }

  std::vector<float> Floats(const std::string& name) const {
    const VectorWeights::Weight& tensor = tensors.at(name);
    std::vector<float> floats(tensor.bytes.size() / sizeof(float));
    std::memcpy(floats.data(), tensor.bytes.data(), tensor.bytes.size());
    return floats;
  }

  std::vector<double> Numbers(const std::string& name) const {
    std::vector<double> numbers;
    for (const std::string& word : lists.at(name)) numbers.push_back(std::stod(word));
    return numbers;
  }

  // The reference's tensors of the adapter, one after another as the layout has them.
  std::vector<float> Flat(const AdapterLayout& layout, const std::string& prefix) const {
    std::vector<float> flat;
    for (const AdapterTensor& tensor : layout.tensors) {
      const std::vector<float> part = Floats(prefix + tensor.name);
      flat.insert(flat.end(), part.begin(), part.end());
    }
    return flat;
  }
};

inline void ReadExample(std::istringstream& words, std::vector<StepWork>& steps) {
  size_t step = 0;
  SupervisedSpan span;
  words >> step >> span.begin >> span.end;
  if (steps.size() <= step) steps.resize(step + 1);
  StepWork& work = steps[step];
  if (work.rows.empty() || work.rows.back().example_lengths.size() == 2) {
    work.rows.emplace_back();
    work.rows.back().index = static_cast<uint32_t>(work.rows.size() - 1);
  }
  TrainingRow& row = work.rows.back();
  const int64_t base = static_cast<int64_t>(row.ids.size());
  for (int64_t id = 0; words >> id;) row.ids.push_back(id);
  row.example_lengths.push_back(static_cast<int64_t>(row.ids.size()) - base);
  row.supervised.push_back({base + span.begin, base + span.end});
  work.step_supervised_tokens += span.end - span.begin;
}

inline VectorWeights::Weight ReadTensor(std::istringstream& words, const std::string& blob) {
  VectorWeights::Weight tensor;
  size_t offset = 0, bytes = 0;
  words >> tensor.dtype >> offset;
  bytes = tensor.dtype == "F32" ? 4 : 2;
  for (int64_t size = 0; words >> size; bytes *= static_cast<size_t>(size))
    tensor.shape.push_back(size);
  tensor.bytes = blob.substr(offset, bytes);
  if (tensor.bytes.size() != bytes) throw std::runtime_error("tensors.bin is cut short");
  return tensor;
}

// Throws std::runtime_error when there is none.
inline Reference ReadReference(const std::string& folder) {
  std::ifstream index(folder + "/index.txt"), blob(folder + "/tensors.bin", std::ios::binary);
  if (!index || !blob) throw std::runtime_error("no reference in " + folder);
  std::ostringstream bytes;
  bytes << blob.rdbuf();
  Reference reference;
  for (std::string line, kind, name; std::getline(index, line);) {
    std::istringstream words(line);
    words >> kind;
    if (kind == "example") {
      ReadExample(words, reference.steps);
      continue;
    }
    words >> name;
    if (kind == "value") {
      words >> reference.values[name];
    } else if (kind == "text") {
      words >> reference.texts[name];
    } else if (kind == "list") {
      reference.lists[name];
      for (std::string word; words >> word;) reference.lists[name].push_back(word);
    } else if (kind == "tensor") {
      reference.tensors[name] = ReadTensor(words, bytes.str());
    }
  }
  for (StepWork& work : reference.steps) work.learning_rate = reference.values.at("learning_rate");
  return reference;
}

inline RopeConfig RopeConfigOf(const Reference& reference, const std::string& prefix) {
  RopeConfig rope;
  rope.theta = reference.values.at(prefix + "theta");
  rope.channels = reference.Whole(prefix + "channels");
  rope.scaling = static_cast<RopeScaling>(reference.Whole(prefix + "scaling"));
  rope.factor = reference.values.at(prefix + "factor");
  rope.low_freq_factor = reference.values.at(prefix + "low_freq_factor");
  rope.high_freq_factor = reference.values.at(prefix + "high_freq_factor");
  rope.original_positions = reference.Whole(prefix + "original_positions");
  rope.short_factor = reference.Numbers(prefix + "short_factor");
  rope.long_factor = reference.Numbers(prefix + "long_factor");
  rope.attention_factor = reference.values.at(prefix + "attention_factor");
  return rope;
}

inline ModelConfig ModelConfigOf(const Reference& reference) {
  ModelConfig config;
  config.architecture = reference.texts.at("architecture");
  config.vocab_size = reference.Whole("vocab_size");
  config.hidden_size = reference.Whole("hidden_size");
  config.intermediate_size = reference.Whole("intermediate_size");
  config.num_hidden_layers = reference.Whole("num_hidden_layers");
  config.num_attention_heads = reference.Whole("num_attention_heads");
  config.num_key_value_heads = reference.Whole("num_key_value_heads");
  config.head_dim = reference.Whole("head_dim");
  config.max_position_embeddings = reference.Whole("max_position_embeddings");
  config.rms_norm_eps = reference.values.at("rms_norm_eps");
  config.tie_word_embeddings = reference.Whole("tie_word_embeddings") != 0;
  config.activation = static_cast<Activation>(reference.Whole("activation"));
  config.rope = RopeConfigOf(reference, "rope.");
  config.local_rope = RopeConfigOf(reference, "local_rope.");
  for (const double window : reference.Numbers("windows"))
    config.windows.push_back(static_cast<int64_t>(window));
  config.attention_scale = reference.values.at("attention_scale");
  config.attention_softcap = reference.values.at("attention_softcap");
  config.final_softcap = reference.values.at("final_softcap");
  config.embedding_scale = reference.values.at("embedding_scale");
  config.qkv_bias = reference.Whole("qkv_bias") != 0;
  config.output_bias = reference.Whole("output_bias") != 0;
  config.mlp_bias = reference.Whole("mlp_bias") != 0;
  config.fused_projections = reference.Whole("fused_projections") != 0;
  config.query_key_norm = reference.Whole("query_key_norm") != 0;
  config.norm_plus_one = reference.Whole("norm_plus_one") != 0;
  config.output_norms = reference.Whole("output_norms") != 0;
  return config;
}

// The variants that make_reference.py has one of for each family.
inline std::vector<std::string> Families() {
  return {"llama",        "llama_tied", "llama_biases", "llama31",   "mistral", "qwen2",
          "qwen2_window", "qwen3",      "phi3",         "phi3_long", "gemma2",  "gemma3"};
}

inline std::vector<std::string> OtherVariants() {
  return {"dropout", "dropout_fused", "half_on_disk"};
}

}  // namespace strata::testing
