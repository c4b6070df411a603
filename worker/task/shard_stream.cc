#include "worker/task/shard_stream.h"

#include <algorithm>
#include <stdexcept>

namespace strata {
namespace {

constexpr uint32_t kWindowSteps = 16;

bool Holds(const StagePosition& first, size_t count, const StagePosition& at) {
  return first.stage == at.stage && first.epoch == at.epoch && at.step >= first.step &&
         at.step < first.step + count;
}

std::vector<StepWork> OrThrow(absl::StatusOr<std::vector<StepWork>> shard) {
  if (!shard.ok()) throw std::runtime_error(std::string(shard.status().message()));
  return *std::move(shard);
}

}  // namespace

ShardStream::Window ShardStream::FetchWindow(StagePosition first) const {
  const uint32_t steps = client_->task().stages[first.stage].steps[first.epoch];
  return {first, OrThrow(client_->FetchShard({first, std::min(kWindowSteps, steps - first.step)}))};
}

StepWork ShardStream::FetchHeldOut(uint32_t stage, uint32_t step) {
  ++client_->progress().headway;
  const StagePosition position{stage, 0, step};
  // A window's rows are given away: one that begins anew is fetched anew.
  if (step == 0 || !Holds(held_out_.first, held_out_.steps.size(), position)) {
    const uint32_t left = client_->task().stages[stage].held_out_steps - step;
    held_out_ = {
        position,
        OrThrow(client_->FetchShard({position, std::min(kWindowSteps, left), /*held_out=*/true}))};
  }
  return std::move(held_out_.steps[step - held_out_.first.step]);
}

bool ShardStream::Following(const Window& window, StagePosition* first) const {
  const std::vector<StageTask>& stages = client_->task().stages;
  *first = window.first;
  first->step += static_cast<uint32_t>(window.steps.size());
  while (first->stage < stages.size()) {
    if (first->epoch >= stages[first->stage].steps.size()) {
      *first = {first->stage + 1, 0, 0};
    } else if (first->step >= stages[first->stage].steps[first->epoch]) {
      *first = {first->stage, first->epoch + 1, 0};
    } else {
      return true;
    }
  }
  return false;
}

StepWork ShardStream::Fetch(StagePosition position) {
  ++client_->progress().headway;
  if (!Holds(window_.first, window_.steps.size(), position)) {
    Window next;
    if (ahead_.valid()) next = ahead_.get();
    // After a stage that ended early, what was fetched ahead is of no use.
    window_ =
        Holds(next.first, next.steps.size(), position) ? std::move(next) : FetchWindow(position);
    StagePosition following;
    if (Following(window_, &following)) {
      ahead_ = std::async(std::launch::async, [this, following] { return FetchWindow(following); });
    }
  }
  return std::move(window_.steps[position.step - window_.first.step]);
}

}  // namespace strata
