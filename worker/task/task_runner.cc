#include "worker/task/task_runner.h"

#include <ATen/Context.h>

#include <chrono>

#include "common/config_json.h"
#include "worker/base/base_weight_source.h"
#include "worker/collective/make_collective.h"
#include "worker/generate/generation.h"
#include "worker/task/checkpoint_sender.h"
#include "worker/task/device_choice.h"
#include "worker/task/or_throw.h"
#include "worker/task/reporter.h"
#include "worker/task/shard_stream.h"
#include "worker/task/watched_collective.h"
#include "worker/train/stage_trainer.h"

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTokensEvery{50};  // a reader sees them come

Digest DigestOf(const std::vector<float>& adapter) {
  return Sha256Of({reinterpret_cast<const char*>(adapter.data()), adapter.size() * sizeof(float)});
}

ModelConfig OpenModel(const WorkerTask& task) {
  if (OrThrow(Sha256OfFile(task.base_path + "/config.json")).Hex() != task.base_config_sha256) {
    throw HopelessTask("the base model at " + task.base_path +
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

// The base's files are closed again once the weights are where they are computed with.
Decoder LoadDecoder(const WorkerTask& task, const ModelConfig& model, at::Device device) {
  const BaseWeightSource weights(task.base_path);
  return Decoder(model, {task.lora_r, task.lora_alpha, task.lora_dropout, task.target_modules},
                 weights, task.dtype == "bfloat16" ? at::kBFloat16 : at::kFloat, device);
}

// The stages from the place of the checkpoint on, or all.
void TrainStages(CoordinatorClient& client, TrainingEngine engine) {
  const WorkerTask& task = client.task();
  CheckpointSender sender(&client, engine.collective.rank());
  Reporter reporter(&client, &sender, engine.collective.rank());
  std::optional<TrainState> resumed;
  if (task.resume) resumed = FetchTrainState(&client);
  if (resumed) engine.adapter.values_N().copy_(resumed->sections_N[0]);
  for (uint32_t i = resumed ? resumed->header.stage : 0; i < task.stages.size(); ++i) {
    const bool within = resumed && resumed->header.stage == i && resumed->header.step > 0;
    const StageResult result = TrainStage(SettingsOf(task, task.stages[i]), engine, reporter,
                                          within ? &*resumed : nullptr);
    reporter.Flush();
    if (result.end == StageEnd::kStopped) return sender.Wait();
    OrThrow(client.FinishStage({.stage = i,
                                .data_error = result.error,
                                .steps_kept = result.steps_kept,
                                .reason = result.reason,
                                .adapter = DigestOf(engine.adapter.Values())}));
    if (i + 1 < task.stages.size()) reporter.OnStageBegins(i + 1, engine.adapter);
  }
  sender.Wait();
  if (engine.collective.rank() == 0) {
    const std::vector<float> trained = engine.adapter.Values();
    OrThrow(client.SendCandidate(trained, DigestOf(trained)));
  }
}

void EvaluateRows(CoordinatorClient& client, TrainingEngine engine) {
  const WorkerTask& task = client.task();
  const auto fetch = [&](uint32_t step) { return engine.source.Fetch({0, 0, step}); };
  const Evaluation evaluation =
      EvaluateStage(task.stages[0].steps[0], task.micro_batch_size, engine, fetch);
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
      throw HopelessTask(
          "worker and coordinator lay the adapter out differently: install one version of strata");
    }
    Decoder decoder = LoadDecoder(task, model, device);
    FlatAdapter adapter(layout, device);
    if (!task.resume) adapter.Load(OrThrow(client.FetchAdapter()));
    if (task.generation) return GenerateTexts(client, decoder, adapter);
    collective = MakeCollective(
        session, device, [&fail](const std::string& reason) { fail(std::runtime_error(reason)); });
    WatchedCollective watched(collective.get(), &client.progress());
    const TrainingEngine engine{decoder, adapter, source, watched};
    task.evaluation ? EvaluateRows(client, engine) : TrainStages(client, engine);
  } catch (const std::exception& error) {
    fail(error);
  }
}

}  // namespace strata
