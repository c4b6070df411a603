#include "worker/task/task_runner.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <chrono>
#include <stdexcept>

#include "common/config_json.h"
#include "worker/base/base_weight_source.h"
#include "worker/collective/make_collective.h"
#include "worker/generate/generation.h"
#include "worker/task/shard_stream.h"
#include "worker/train/stage_trainer.h"

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kReportEvery{300};
constexpr std::chrono::milliseconds kTokensEvery{50};  // a reader sees them come

void OrThrow(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
}

template <typename T>
T OrThrow(absl::StatusOr<T> result) {
  OrThrow(result.status());
  return *std::move(result);
}

// Reports rank 0's steps now and then, and passes the coordinator's wish to stop on.
class Reporter final : public TrainingObserver {
 public:
  Reporter(CoordinatorClient& client, bool reports) : client_(client), reports_(reports) {}
  void OnStep(const StepReport& report) override {
    client_.SetPosition({report.position.stage, report.position.epoch, report.position.step + 1});
    if (!reports_) return;
    pending_.push_back(report);
    if (Clock::now() - sent_ > kReportEvery) Flush();
  }
  void OnEvaluation(const EvaluationReport& report) override {
    if (!reports_) return;
    evaluations_.push_back(report);
    // At once, so that the next step's report does not come before it.
    Flush();
  }
  bool StopRequested() override { return client_.StopRequested(); }
  void Flush() {
    if (pending_.empty() && evaluations_.empty()) return;
    OrThrow(client_.ReportSteps(pending_, evaluations_));
    pending_.clear();
    evaluations_.clear();
    sent_ = Clock::now();
  }

 private:
  CoordinatorClient& client_;
  const bool reports_;
  std::vector<StepReport> pending_;
  std::vector<EvaluationReport> evaluations_;
  Clock::time_point sent_ = Clock::now();
};

Digest DigestOf(const std::vector<float>& adapter) {
  return Sha256Of({reinterpret_cast<const char*>(adapter.data()), adapter.size() * sizeof(float)});
}

ModelConfig OpenModel(const WorkerTask& task) {
  if (OrThrow(Sha256OfFile(task.base_path + "/config.json")).Hex() != task.base_config_sha256) {
    throw std::runtime_error("the base model at " + task.base_path +
                             " on this host is not the coordinator's");
  }
  return OrThrow(ReadModelConfig(task.base_path));
}

StageSettings SettingsOf(const WorkerTask& task, const StageTask& stage) {
  return {.index = stage.index,
          .steps = stage.steps,
          .dropout_key = stage.dropout_key,
          .adamw = {task.optimizer.beta1, task.optimizer.beta2, task.optimizer.epsilon,
                    task.optimizer.weight_decay, task.optimizer.max_grad_norm,
                    task.optimizer.loraplus_lr_ratio},
          .micro_batch_size = task.micro_batch_size,
          .gradient_checkpointing = task.gradient_checkpointing,
          .neftune_noise_alpha = task.neftune_noise_alpha,
          .watchdog = {task.nonfinite_steps_max, task.loss_watchdog_threshold,
                       task.loss_watchdog_patience},
          .held_out = {stage.held_out_steps, task.eval_steps, task.early_stopping_patience}};
}

// The parts that a task trains with.
struct Engine {
  Decoder& decoder;
  FlatAdapter& adapter;
  StepSource& source;
  Collective& collective;
};

// The base's files are closed again once the weights are where they are computed with.
Decoder LoadDecoder(const WorkerTask& task, const ModelConfig& model, at::Device device) {
  const BaseWeightSource weights(task.base_path);
  return Decoder(model, {task.lora_r, task.lora_alpha, task.lora_dropout, task.target_modules},
                 weights, task.dtype == "bfloat16" ? at::kBFloat16 : at::kFloat, device);
}

void TrainStages(CoordinatorClient& client, Engine engine) {
  Reporter reporter(client, engine.collective.rank() == 0);
  for (const StageTask& stage : client.task().stages) {
    const StageResult result =
        TrainStage(SettingsOf(client.task(), stage), engine.decoder, engine.adapter, engine.source,
                   engine.collective, reporter);
    reporter.Flush();
    if (result.end == StageEnd::kStopped) return;
    OrThrow(client.FinishStage({.stage = stage.index,
                                .data_error = result.error,
                                .steps_kept = result.steps_kept,
                                .reason = result.reason,
                                .adapter = DigestOf(engine.adapter.Values())}));
  }
  if (engine.collective.rank() == 0) {
    const std::vector<float> trained = engine.adapter.Values();
    OrThrow(client.SendCandidate(trained, DigestOf(trained)));
  }
}

void EvaluateRows(CoordinatorClient& client, Engine engine) {
  const WorkerTask& task = client.task();
  const auto fetch = [&](uint32_t step) { return engine.source.Fetch({0, 0, step}); };
  const Evaluation evaluation =
      EvaluateStage(task.stages[0].steps[0], task.micro_batch_size, engine.decoder, engine.adapter,
                    fetch, engine.collective);
  if (engine.collective.rank() == 0) {
    OrThrow(client.ReportEvaluation(evaluation.loss_sum, static_cast<uint64_t>(evaluation.tokens)));
  }
}

// Needs no other rank.
void GenerateTexts(CoordinatorClient& client, const Decoder& decoder, const FlatAdapter& adapter) {
  std::vector<GeneratedToken> pending;
  Clock::time_point sent = Clock::now() - kTokensEvery;
  const auto flush = [&] {
    if (!pending.empty()) OrThrow(client.ReportGeneration(pending));
    pending.clear();
    sent = Clock::now();
  };
  Generate(*client.task().generation, decoder, CastAdapter(decoder, adapter.leaves()),
           [&](const GeneratedToken& token) {
             pending.push_back(token);
             if (Clock::now() - sent > kTokensEvery) flush();
           });
  flush();
}

}  // namespace

at::Device ChooseDevice(const std::string& wish, const MpiSession& session) {
  const int devices =
      at::detail::getCUDAHooks().hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  if (wish == "cpu" || (wish == "auto" && devices == 0)) return at::Device(at::kCPU);
  if (session.local_world() > devices) {
    throw std::runtime_error(
        "this host has " + std::to_string(devices) + " CUDA devices for " +
        std::to_string(session.local_world()) +
        " ranks; start one rank for each device (workers), or set device: cpu");
  }
  return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(session.local_rank()));
}

void RunTask(CoordinatorClient& client, MpiSession& session, at::Device device,
             const FailTask& fail) {
  std::unique_ptr<Collective> collective;
  ShardStream source(&client);
  try {
    // cuDNN's attention makes a plan for every new shape, and rows bring new shapes all the time.
    at::globalContext().setSDPUseCuDNN(false);
    const WorkerTask& task = client.task();
    const ModelConfig model = OpenModel(task);
    const AdapterLayout layout = LayoutOf(model, {task.lora_r, task.target_modules});
    if (static_cast<uint64_t>(layout.elements) != task.adapter_elements) {
      throw std::runtime_error(
          "worker and coordinator lay the adapter out differently: install one version of strata");
    }
    Decoder decoder = LoadDecoder(task, model, device);
    FlatAdapter adapter(layout, device);
    adapter.Load(OrThrow(client.FetchAdapter()));
    if (task.generation) return GenerateTexts(client, decoder, adapter);
    collective = MakeCollective(session, device);
    const Engine engine{decoder, adapter, source, *collective};
    task.evaluation ? EvaluateRows(client, engine) : TrainStages(client, engine);
  } catch (const std::exception& error) {
    fail(error);
  }
}

}  // namespace strata
