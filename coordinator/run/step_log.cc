#include "coordinator/run/step_log.h"

#include <utility>

#include "common/json.h"

namespace strata {

StepLog::StepLog(std::filesystem::path file, std::function<void(const StepSeen&)> on_step,
                 std::function<void(const std::string&)> on_failure)
    : file_(std::move(file)), on_step_(std::move(on_step)), on_failure_(std::move(on_failure)) {
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

void StepLog::Add(StepSeen step) {
  {
    const std::lock_guard lock(mutex_);
    added_.push_back(std::move(step));
  }
  wake_.notify_one();
}

void StepLog::Tell() {
  for (;;) {
    std::vector<StepSeen> steps;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return closing_ || !added_.empty(); });
      if (added_.empty()) return;
      steps = std::exchange(added_, {});
    }
    for (const StepSeen& step : steps) {
      Write(step);
      if (on_step_) on_step_(step);
    }
  }
}

void StepLog::Write(const StepSeen& step) {
  if (!writes_) return;
  out_ << DumpJson({{"stage", step.stage},
                    {"dataset", step.dataset},
                    {"epoch", step.epoch},
                    {"step", step.step},
                    {"loss", step.loss},
                    {"learning_rate", step.learning_rate},
                    {"grad_norm", step.grad_norm},
                    {"tokens", step.tokens},
                    {"seconds", step.seconds},
                    {"skipped", step.skipped},
                    {"ranks", step.ranks},
                    {"device", step.device},
                    {"attempt", step.attempt}})
       << "\n"
       << std::flush;
  if (out_) return;
  writes_ = false;
  if (on_failure_) on_failure_("cannot write " + file_.string() + "; is the disk full?");
}

}  // namespace strata
