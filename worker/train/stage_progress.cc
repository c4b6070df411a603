#include "worker/train/stage_progress.h"

#include <ATen/ATen.h>

#include <stdexcept>
#include <string>

namespace strata {
namespace {

// Later steps change the values in place.
at::Tensor HostCopy(const at::Tensor& values_N) {
  return values_N.is_cpu() ? values_N.clone() : values_N.to(at::kCPU);
}

}  // namespace

StageProgress::StageProgress(const StageSettings& settings, const FlatAdapter& adapter)
    : stage(settings.index),
      adamw(settings.adamw, adapter.layout(), adapter.values_N()),
      watchdog(settings.watchdog),
      held_out(settings.held_out, settings.steps),
      before_N(HostCopy(adapter.values_N())) {}

TrainState StageProgress::Save(const StagePosition& done, const FlatAdapter& adapter,
                               bool evaluation_due) const {
  TrainState state;
  TrainStateHeader& header = state.header;
  header.stage = done.stage;
  header.epoch = done.epoch;
  header.step = done.step + 1;
  header.elements = static_cast<uint64_t>(adapter.values_N().numel());
  header.updates = static_cast<uint64_t>(adamw.updates());
  header.nonfinite_in_a_row = watchdog.counts().nonfinite_in_a_row;
  header.high_in_a_row = watchdog.counts().high_in_a_row;
  header.applied = watchdog.counts().applied;
  header.evaluation_due = evaluation_due;
  held_out.stopping().Save(&header);
  state.sections_N = {HostCopy(adapter.values_N()), HostCopy(adamw.first_moment_N()),
                      HostCopy(adamw.second_moment_N()), before_N};
  if (header.keeps_best) state.sections_N.push_back(HostCopy(held_out.stopping().best_N()));
  return state;
}

void StageProgress::Restore(const TrainState& state, FlatAdapter& adapter) {
  const TrainStateHeader& header = state.header;
  if (header.stage != stage || header.step == 0 || state.sections_N.size() != SectionsOf(header) ||
      header.elements != static_cast<uint64_t>(adapter.values_N().numel())) {
    throw std::invalid_argument("the checkpoint is not of stage " + std::to_string(stage) +
                                " and this adapter");
  }
  adapter.values_N().copy_(state.sections_N[0]);
  adamw.Restore(state.sections_N[1], state.sections_N[2], static_cast<int64_t>(header.updates));
  before_N = state.sections_N[3];
  watchdog.Restore({header.nonfinite_in_a_row, header.high_in_a_row, header.applied});
  at::Tensor best_N;
  if (header.keeps_best) best_N = state.sections_N[4].to(adapter.device()).clone();
  held_out.stopping().Restore(header, best_N);
}

void StageProgress::Undo(FlatAdapter& adapter) const { adapter.values_N().copy_(before_N); }

TrainState BeginningOfStage(uint32_t stage, const FlatAdapter& adapter) {
  TrainState state;
  state.header.stage = stage;
  state.header.elements = static_cast<uint64_t>(adapter.values_N().numel());
  state.sections_N = {HostCopy(adapter.values_N())};
  return state;
}

}  // namespace strata
