#include "coordinator/run/train_task.h"

#include "coordinator/plan/shards.h"
#include "coordinator/run/preparation.h"

namespace strata {

RunSpec TrainSpecOf(const Config& config, const Plan& plan, const RunId& run, bool waits_for_user) {
  // A queue may be long; a stop ends the wait.
  constexpr std::chrono::hours kUserJoinMax{24 * 30};
  RunSpec spec;
  spec.run = run;
  spec.world = static_cast<int>(config.workers);
  spec.world_min = static_cast<int>(config.min_workers);
  spec.stop_on_dataset_error = config.on_dataset_error == OnDatasetError::kStop;
  spec.restarts_max = config.max_restarts;
  spec.headway_max = std::chrono::seconds(config.ddp_timeout);
  if (waits_for_user) spec.join_max = kUserJoinMax;
  for (const StagePlan& stage : plan.stages) spec.stages.push_back(stage.steps);
  return spec;
}

v1::JoinReply TrainTaskOf(const Config& config, const Base& base, const Plan& plan) {
  v1::JoinReply task = TaskBasics(config, base);
  v1::TrainTask* train = task.mutable_train();
  for (const StagePlan& stage : plan.stages) {
    v1::Stage* message = train->add_stages();
    message->set_index(stage.index);
    message->set_dataset(stage.dataset);
    message->mutable_steps()->Add(stage.steps.begin(), stage.steps.end());
    message->set_dropout_key(StageKey(plan.seed, stage.sha256, stage.pass));
    message->set_held_out_steps(stage.held_out_steps);
  }
  v1::Optimizer* optimizer = train->mutable_optimizer();
  optimizer->set_beta1(config.adam_beta1);
  optimizer->set_beta2(config.adam_beta2);
  optimizer->set_epsilon(config.adam_epsilon);
  optimizer->set_weight_decay(config.weight_decay);
  optimizer->set_max_grad_norm(config.max_grad_norm);
  optimizer->set_loraplus_lr_ratio(config.loraplus_lr_ratio);
  train->mutable_pass()->set_gradient_checkpointing(config.gradient_checkpointing.value_or(false));
  train->mutable_pass()->set_neftune_noise_alpha(config.neftune_noise_alpha);
  train->set_nonfinite_steps_max(config.max_nonfinite_steps);
  train->set_eval_steps(plan.eval_steps);
  train->set_early_stopping_patience(plan.early_stopping_patience);
  if (config.loss_watchdog_threshold > 0) {
    train->set_loss_watchdog_threshold(config.loss_watchdog_threshold);
    train->set_loss_watchdog_patience(config.loss_watchdog_patience);
  }
  train->set_save_steps(config.save_steps);
  train->set_save_minutes(config.save_minutes);
  train->set_stop_on_dataset_error(config.on_dataset_error == OnDatasetError::kStop);
  return task;
}

}  // namespace strata
