#include "coordinator/run/step_log.h"

#include <utility>

namespace strata {
namespace {

Json LineOf(const StepSeen& step) {
  return {{"stage", step.stage},         {"dataset", step.dataset},
          {"epoch", step.epoch},         {"step", step.step},
          {"loss", step.loss},           {"learning_rate", step.learning_rate},
          {"grad_norm", step.grad_norm}, {"tokens", step.tokens},
          {"seconds", step.seconds},     {"skipped", step.skipped},
          {"ranks", step.ranks},         {"device", step.device},
          {"attempt", step.attempt}};
}

// Its keys are not those of a step, so that nobody counts it as one.
Json LineOf(const EvaluationSeen& evaluation) {
  return {{"stage", evaluation.stage},          {"dataset", evaluation.dataset},
          {"epoch", evaluation.epoch},          {"step", evaluation.step},
          {"eval_loss", evaluation.loss},       {"eval_tokens", evaluation.tokens},
          {"eval_seconds", evaluation.seconds}, {"best", evaluation.best},
          {"ends_stage", evaluation.ends_stage}};
}

}  // namespace

StepLog::StepLog(std::filesystem::path file, std::function<void(const StepSeen&)> on_step,
                 std::function<void(const std::string&)> on_failure,
                 std::function<void(const EvaluationSeen&)> on_evaluation)
    : file_(std::move(file)),
      on_step_(std::move(on_step)),
      on_failure_(std::move(on_failure)),
      on_evaluation_(std::move(on_evaluation)) {
  writes_ = !file_.empty();
  if (writes_) out_.open(file_, std::ios::app);
  thread_ = std::thread([this] { Tell(); });
}

StepLog::~StepLog() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void StepLog::Add(std::variant<StepSeen, EvaluationSeen> seen) {
  {
    const std::lock_guard lock(mutex_);
    added_.push_back(std::move(seen));
  }
  wake_.notify_one();
}

void StepLog::Tell() {
  for (;;) {
    std::vector<std::variant<StepSeen, EvaluationSeen>> added;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return closing_ || !added_.empty(); });
      if (added_.empty()) return;
      added = std::exchange(added_, {});
    }
    for (const auto& seen : added) {
      Write(std::visit([](const auto& one) { return LineOf(one); }, seen));
      if (const auto* step = std::get_if<StepSeen>(&seen); step != nullptr && on_step_)
        on_step_(*step);
      if (const auto* evaluation = std::get_if<EvaluationSeen>(&seen);
          evaluation != nullptr && on_evaluation_) {
        on_evaluation_(*evaluation);
      }
    }
  }
}

void StepLog::Write(const Json& line) {
  if (!writes_) return;
  out_ << DumpJson(line) << "\n" << std::flush;
  if (out_) return;
  writes_ = false;
  if (on_failure_) on_failure_("cannot write " + file_.string() + "; is the disk full?");
}

}  // namespace strata
