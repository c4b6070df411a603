#include "worker/bench/step_timer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "common/keyed_random.h"
#include "worker/bench/named_device.h"
#include "worker/bench/peak_memory.h"
#include "worker/train/stage_trainer.h"

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kTokenKey = 1, kAdapterKey = 2, kDropoutKey = 3;
constexpr double kLearningRate = 2e-4;

// The same rows at each step.
class RandomRows final : public StepSource {
 public:
  RandomRows(const BenchOptions& options, int64_t vocabulary) {
    for (int64_t r = 0; r < options.rows; ++r) {
      TrainingRow row;
      row.index = static_cast<uint32_t>(r);
      for (int64_t t = 0; t < options.length; ++t)
        row.ids.push_back(
            Philox({static_cast<uint32_t>(t), row.index, 0, 0}, PhiloxKeyOf(kTokenKey))[0] %
            vocabulary);
      row.example_lengths = {options.length};
      row.supervised = {{1, options.length}};
      work_.rows.push_back(std::move(row));
    }
    work_.learning_rate = kLearningRate;
    work_.step_tokens = options.rows * options.length;
    work_.step_supervised_tokens = options.rows * (options.length - 1);
  }
  StepWork Fetch(StagePosition position) override {
    work_.step = position.step;
    return work_;
  }
  StepWork FetchHeldOut(uint32_t, uint32_t) override { return {}; }

 private:
  StepWork work_;
};

class Alone final : public Collective {
 public:
  int rank() const override { return 0; }
  int world() const override { return 1; }
  void SumInPlace(at::Tensor&) override {}
};

class StopWatch final : public TrainingObserver {
 public:
  void OnStep(const StepReport& report) override {
    if (report.skipped) throw std::runtime_error("a step's loss or gradient is not finite");
    loss_ = report.loss;
    ends_.push_back(Clock::now());
  }
  void OnEvaluation(const EvaluationReport&) override {}
  bool StopRequested() override { return false; }
  bool CheckpointDue(const StagePosition&, bool) override { return false; }
  void OnCheckpoint(TrainState) override {}

  double loss() const { return loss_; }
  double MedianSeconds() const {
    std::vector<double> seconds;
    for (size_t i = 1; i < ends_.size(); ++i)
      seconds.push_back(std::chrono::duration<double>(ends_[i] - ends_[i - 1]).count());
    std::sort(seconds.begin(), seconds.end());
    const size_t middle = seconds.size() / 2;
    return seconds.size() % 2 != 0 ? seconds[middle] : (seconds[middle - 1] + seconds[middle]) / 2;
  }

 private:
  std::vector<Clock::time_point> ends_;
  double loss_ = 0;
};

// As PEFT begins: A uniform up to 1 / √in, B zero.
std::vector<float> BeginningOf(const AdapterLayout& layout) {
  std::vector<float> values(static_cast<size_t>(layout.elements), 0.0f);
  for (size_t i = 0; i < layout.tensors.size(); i += 2) {
    const AdapterTensor& a = layout.tensors[i];
    const float most = 1 / std::sqrt(static_cast<float>(a.columns));
    for (int64_t k = a.offset; k < a.offset + a.elements(); ++k) {
      const auto words = Philox({static_cast<uint32_t>(k), 0, 0, 0}, PhiloxKeyOf(kAdapterKey));
      values[static_cast<size_t>(k)] = (2 * UnitFloat(words[0]) - 1) * most;
    }
  }
  return values;
}

StageSettings SettingsOf(const BenchOptions& options) {
  StageSettings settings;
  settings.steps = {static_cast<uint32_t>(options.steps) + 1};
  settings.dropout_key = kDropoutKey;
  settings.micro_batch_size =
      static_cast<uint32_t>(options.micro_batch_size > 0 ? options.micro_batch_size : options.rows);
  settings.gradient_checkpointing = options.checkpointing;
  return settings;
}

}  // namespace

StepTiming TimeSteps(const BenchOptions& options, const BenchModel& model) {
  const StageSettings settings = SettingsOf(options);
  const at::Device device = NamedDevice(options.device);
  PrepareLibtorch();
  const LoraSettings lora{options.lora_r, 2.0 * static_cast<double>(options.lora_r),
                          options.dropout, ProjectionNames(model.config)};
  Decoder decoder(model.config, lora, *model.weights,
                  options.dtype == "bfloat16" ? at::kBFloat16 : at::kFloat, device);
  FlatAdapter adapter(LayoutOf(model.config, {lora.r, lora.target_modules}), device);
  adapter.Load(BeginningOf(adapter.layout()));
  RandomRows rows(options, model.config.vocab_size);
  Alone alone;
  StopWatch watch;
  const StageResult result = TrainStage(settings, {decoder, adapter, rows, alone}, watch);
  if (result.end != StageEnd::kTrained) throw std::runtime_error(result.error);
  return {watch.MedianSeconds(), watch.loss(), PeakMebibytes(device)};
}

}  // namespace strata
