// Goal: the decoder, its LoRA gradients and twenty steps of AdamW are those of transformers + PEFT.
// Method: tiny random Llamas (grouped queries, head_dim unlike hidden / heads, tied and untied
// head) computed by make_reference.py example by example, here packed two examples a row, two rows
// a step.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/worker/tiny_model.h"
#include "worker/train/micro_batch.h"

namespace strata {
namespace {

using namespace testing;  // strata::testing: vectors of weights, one rank

struct Reference {
  std::map<std::string, double> values;
  std::map<std::string, std::vector<int64_t>> shapes;
  std::map<std::string, std::vector<float>> tensors;
  std::vector<StepWork> steps;
};

std::vector<float> ReadFloats(const std::string& path, int64_t count) {
  std::vector<float> floats(count);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(floats.data()), count * sizeof(float));
  if (!file) throw std::runtime_error("cannot read " + path);
  return floats;
}

void ReadExample(std::istringstream& words, std::vector<StepWork>& steps) {
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

Reference ReadReference(const std::string& variant) {
  const std::string folder = std::string(STRATA_REFERENCE_DIR) + "/" + variant + "/";
  std::ifstream index(folder + "index.txt");
  if (!index) throw std::runtime_error("no reference in " + folder + ": run make_reference.py");
  Reference reference;
  for (std::string line, kind, name; std::getline(index, line);) {
    std::istringstream words(line);
    words >> kind;
    if (kind == "example") {
      ReadExample(words, reference.steps);
    } else if (words >> name; kind == "value") {
      words >> reference.values[name];
    } else {
      int64_t count = 1;
      for (int64_t size = 0; words >> size; count *= size) reference.shapes[name].push_back(size);
      reference.tensors[name] = ReadFloats(folder + name + ".bin", count);
    }
  }
  return reference;
}

class ParityTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    reference_ = ReadReference(GetParam());
    const auto whole = [&](const char* name) {
      return static_cast<int64_t>(reference_.values.at(name));
    };
    config_.vocab_size = whole("vocab_size");
    config_.hidden_size = whole("hidden_size");
    config_.intermediate_size = whole("intermediate_size");
    config_.num_hidden_layers = whole("num_hidden_layers");
    config_.num_attention_heads = whole("num_attention_heads");
    config_.num_key_value_heads = whole("num_key_value_heads");
    config_.head_dim = whole("head_dim");
    config_.rms_norm_eps = reference_.values.at("rms_norm_eps");
    config_.rope_theta = reference_.values.at("rope_theta");
    config_.tie_word_embeddings = whole("tied") != 0;
    lora_ = {whole("r"),
             reference_.values.at("alpha"),
             0,
             {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}};
    layout_ = LayoutOf(config_, {lora_.r, lora_.target_modules});
    for (const auto& [name, values] : reference_.tensors)
      weights_.Put(name, reference_.shapes.at(name), values);
    for (StepWork& work : reference_.steps)
      work.learning_rate = reference_.values.at("learning_rate");
  }

  // The reference's tensors of the adapter, one after another as the layout has them.
  std::vector<float> Flat(const std::string& prefix) const {
    std::vector<float> flat;
    for (const AdapterTensor& tensor : layout_.tensors) {
      const std::vector<float>& part = reference_.tensors.at(prefix + tensor.name);
      flat.insert(flat.end(), part.begin(), part.end());
    }
    return flat;
  }

  // Per tensor, the largest difference relative to the tensor's largest value.
  void ExpectNear(const std::vector<float>& got, const std::vector<float>& expected,
                  double relative) const {
    ASSERT_EQ(got.size(), expected.size());
    for (const AdapterTensor& tensor : layout_.tensors) {
      double most = 0, off = 0;
      for (int64_t i = tensor.offset; i < tensor.offset + tensor.elements(); ++i) {
        most = std::max(most, std::abs(static_cast<double>(expected[i])));
        off = std::max(off, std::abs(static_cast<double>(got[i]) - expected[i]));
      }
      EXPECT_LE(off, relative * most) << tensor.name;
    }
  }

  Reference reference_;
  ModelConfig config_;
  LoraSettings lora_;
  AdapterLayout layout_;
  VectorWeights weights_;
};

TEST_P(ParityTest, LossAndGradientsAreThoseOfPeft) {
  const Decoder decoder(config_, lora_, weights_, at::kFloat, at::kCPU);
  FlatAdapter adapter(layout_, at::kCPU);
  adapter.Load(Flat(""));
  const StepWork& work = reference_.steps[0];
  const at::Tensor loss =
      decoder.NllSum(MicroBatches(work.rows, 2)[0], adapter.leaves(), std::nullopt) /
      static_cast<double>(work.step_supervised_tokens);
  loss.backward();
  EXPECT_NEAR(loss.item<double>() / reference_.tensors.at("losses")[0], 1, 1e-5);
  const float* gradients = adapter.gradients_N().const_data_ptr<float>();
  ExpectNear({gradients, gradients + layout_.elements}, Flat("grad."), 1e-4);
}

TEST_P(ParityTest, TwentyStepsOfTrainingAreThoseOfTorchAndPeft) {
  Decoder decoder(config_, lora_, weights_, at::kFloat, at::kCPU);
  FlatAdapter adapter(layout_, at::kCPU);
  adapter.Load(Flat(""));
  FunctionSource source([&](StagePosition at) { return reference_.steps.at(at.step); });
  OneRank alone;
  Listener listener;
  StageSettings settings;
  settings.steps = {static_cast<uint32_t>(reference_.steps.size())};
  settings.adamw.weight_decay = reference_.values.at("weight_decay");
  settings.adamw.max_grad_norm = reference_.values.at("max_grad_norm");
  TrainStage(settings, decoder, adapter, source, alone, listener);

  ASSERT_EQ(listener.reports.size(), reference_.tensors.at("losses").size());
  for (size_t i = 0; i < listener.reports.size(); ++i) {
    const StepReport& report = listener.reports[i];
    EXPECT_NEAR(report.loss / reference_.tensors.at("losses")[i], 1, 1e-4) << i;
    EXPECT_NEAR(report.grad_norm / reference_.tensors.at("grad_norms")[i], 1, 1e-3) << i;
  }
  ExpectNear(adapter.Values(), Flat("trained."), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Heads, ParityTest, ::testing::Values("tied", "untied"),
                         [](const auto& variant) { return std::string(variant.param); });

}  // namespace
}  // namespace strata
