#include "worker/task/task_messages.h"

#include "common/status_macros.h"

namespace strata {
namespace {

TrainingRow RowOf(const v1::Row& message) {
  TrainingRow row;
  row.index = message.index();
  row.ids.assign(message.ids().begin(), message.ids().end());
  row.example_lengths.assign(message.example_lengths().begin(), message.example_lengths().end());
  for (int i = 0; i + 1 < message.supervised_spans_size(); i += 2) {
    row.supervised.push_back({message.supervised_spans(i), message.supervised_spans(i + 1)});
  }
  return row;
}

GenerationWork WorkOf(const v1::GenerateTask& task) {
  GenerationWork work;
  for (const v1::Prompt& prompt : task.prompts())
    work.prompts.emplace_back(prompt.ids().begin(), prompt.ids().end());
  const v1::Sampling& sampling = task.sampling();
  work.sampling = {sampling.temperature(), sampling.top_k(), sampling.top_p(),
                   sampling.repetition_penalty(), sampling.seed()};
  work.max_new_tokens = task.max_new_tokens();
  work.stop_ids.assign(task.stop_ids().begin(), task.stop_ids().end());
  work.batch_size = std::max(1u, task.batch_size());
  return work;
}

v1::GenerationEnd EndOf(GenerationEnd end) {
  switch (end) {
    case GenerationEnd::kStopToken:
      return v1::GENERATION_END_STOP_TOKEN;
    case GenerationEnd::kLength:
      return v1::GENERATION_END_LENGTH;
    default:
      return v1::GENERATION_END_UNSPECIFIED;
  }
}

}  // namespace

absl::StatusOr<WorkerTask> TaskOf(const v1::JoinReply& reply) {
  WorkerTask task;
  task.base_path = reply.base().path();
  task.base_config_sha256 = reply.base().config_sha256();
  task.dtype = reply.dtype();
  task.micro_batch_size = std::max(1u, reply.micro_batch_size());
  task.lora_r = reply.lora().r();
  task.lora_alpha = reply.lora().alpha();
  task.lora_dropout = reply.lora().dropout();
  task.target_modules.assign(reply.lora().target_modules().begin(),
                             reply.lora().target_modules().end());
  task.adapter_elements = reply.lora().elements();
  task.evaluation = reply.has_evaluate();
  if (task.evaluation) {
    task.stages.emplace_back().steps = {reply.evaluate().steps()};
    return task;
  }
  if (reply.has_generate()) {
    task.generation = WorkOf(reply.generate());
    return task;
  }
  const v1::TrainTask& train = reply.train();
  for (const v1::Stage& stage : train.stages()) {
    task.stages.push_back({.index = stage.index(),
                           .dataset = stage.dataset(),
                           .steps = {stage.steps().begin(), stage.steps().end()},
                           .dropout_key = stage.dropout_key(),
                           .held_out_steps = stage.held_out_steps()});
  }
  task.optimizer = {train.optimizer().beta1(),         train.optimizer().beta2(),
                    train.optimizer().epsilon(),       train.optimizer().weight_decay(),
                    train.optimizer().max_grad_norm(), train.optimizer().loraplus_lr_ratio()};
  task.gradient_checkpointing = train.pass().gradient_checkpointing();
  task.neftune_noise_alpha = train.pass().neftune_noise_alpha();
  task.nonfinite_steps_max = train.nonfinite_steps_max();
  task.eval_steps = train.eval_steps();
  task.early_stopping_patience = train.early_stopping_patience();
  task.loss_watchdog_threshold = train.loss_watchdog_threshold();
  task.loss_watchdog_patience = train.loss_watchdog_patience();
  task.save_steps = train.save_steps();
  task.save_minutes = train.save_minutes();
  if (train.has_resume()) {
    const v1::CheckpointInfo& info = train.resume();
    ASSIGN_OR_RETURN(const Digest digest, DigestFromHex(info.sha256()));
    task.resume = {
        {info.next().stage(), info.next().epoch(), info.next().step()}, info.bytes(), digest};
  }
  return task;
}

StepWork WorkOf(const v1::StepShard& shard) {
  StepWork work;
  work.step = shard.step();
  work.learning_rate = shard.learning_rate();
  work.step_supervised_tokens = static_cast<int64_t>(shard.step_supervised_tokens());
  work.step_tokens = static_cast<int64_t>(shard.step_tokens());
  for (const v1::Row& row : shard.rows()) work.rows.push_back(RowOf(row));
  return work;
}

void SetMessage(const StagePosition& position, v1::Position* message) {
  message->set_stage(position.stage);
  message->set_epoch(position.epoch);
  message->set_step(position.step);
}

void SetMessage(const SavedState& state, v1::CheckpointInfo* message) {
  SetMessage(state.next, message->mutable_next());
  message->set_bytes(state.bytes);
  message->set_sha256(state.digest.Hex());
}

void SetMessage(const WorkerProgress& progress, v1::HeartbeatRequest* message) {
  message->set_headway(progress.headway);
  message->set_in_collective(progress.in_collective);
  message->set_reductions(progress.reductions);
  message->set_busy_ms(progress.busy_ms);
}

void SetMessage(const StepReport& report, v1::StepRecord* message) {
  message->set_stage(report.position.stage);
  message->set_epoch(report.position.epoch);
  message->set_step(report.position.step);
  message->set_loss(report.loss);
  message->set_learning_rate(report.learning_rate);
  message->set_grad_norm(report.grad_norm);
  message->set_tokens(static_cast<uint64_t>(report.tokens));
  message->set_seconds(report.seconds);
  message->set_reduce_seconds(report.reduce_seconds);
  message->set_skipped(report.skipped);
}

void SetMessage(const EvaluationReport& report, v1::EvaluationRecord* message) {
  message->set_stage(report.after.stage);
  message->set_epoch(report.after.epoch);
  message->set_step(report.after.step);
  message->set_loss(report.loss);
  message->set_tokens(static_cast<uint64_t>(report.tokens));
  message->set_seconds(report.seconds);
  message->set_best(report.best);
  message->set_ends_stage(report.ends_stage);
}

void SetMessage(const GeneratedToken& token, v1::GeneratedTokens* message) {
  message->set_prompt(token.prompt);
  message->set_position(token.position);
  if (token.id >= 0) message->add_ids(static_cast<uint32_t>(token.id));
  message->set_end(EndOf(token.end));
  message->set_seconds(token.seconds);
}

}  // namespace strata
