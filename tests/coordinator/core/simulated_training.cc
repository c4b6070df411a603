#include "tests/coordinator/core/simulated_training.h"

#include <cstring>

namespace strata {
namespace {

Digest DigestOf(uint64_t number) {
  Digest digest;
  for (int i = 0; i < 4; ++i) {
    const uint64_t word = Mix(number, static_cast<uint64_t>(i));
    std::memcpy(digest.bytes.data() + 8 * i, &word, 8);
  }
  return digest;
}

}  // namespace

Digest AdapterDigest(uint64_t adapter) { return DigestOf(Mix(adapter, 77)); }

Digest StateDigest(const Replica& replica) {
  uint64_t hash = Mix(replica.adapter, replica.before_stage);
  hash = Mix(hash, replica.next.stage);
  hash = Mix(hash, replica.next.epoch);
  return DigestOf(Mix(hash, replica.next.step));
}

SimulatedTraining::SimulatedTraining(const LifePlan& plan) : plan_(plan) {
  Replica replica = Beginning();
  while (replica.next.stage < plan.spec.stages.size()) {
    while (!Ends(replica)) {
      Position step = replica.next;
      DoStep(replica);
      if (step.step == plan.spec.stages[step.stage][step.epoch])
        step = {step.stage, step.epoch + 1, 0};
      steps_.insert(step);
      states_[replica.next] = StateDigest(replica);
    }
    const StageOutcome outcome = *Ends(replica);
    EndStage(replica, outcome);
    adapters_.push_back(AdapterDigest(replica.adapter));
    outcomes_.push_back(outcome);
    states_[replica.next] = StateDigest(replica);
  }
}

Replica SimulatedTraining::Beginning() const {
  const uint64_t adapter = Mix(plan_.seed, 4711);
  return {{}, adapter, adapter};
}

void SimulatedTraining::DoStep(Replica& replica) const {
  Position& at = replica.next;
  if (at.step == plan_.spec.stages[at.stage][at.epoch]) at = {at.stage, at.epoch + 1, 0};
  replica.adapter = Mix(Mix(Mix(replica.adapter, at.stage), at.epoch), at.step);
  ++at.step;
}

uint32_t SimulatedTraining::StepsDone(const Replica& replica) const {
  uint32_t steps = replica.next.step;
  for (uint32_t i = 0; i < replica.next.epoch; ++i)
    steps += plan_.spec.stages[replica.next.stage][i];
  return steps;
}

bool SimulatedTraining::IsLastStep(const Position& next) const {
  const std::vector<uint32_t>& epochs = plan_.spec.stages[next.stage];
  return next.epoch + 1 == epochs.size() && next.step >= epochs.back();
}

std::optional<StageOutcome> SimulatedTraining::Ends(const Replica& replica) const {
  const StageFate& fate = plan_.fates[replica.next.stage];
  const uint32_t steps = StepsDone(replica);
  if (fate.error_after && steps >= *fate.error_after) return StageOutcome{"not a number", {}};
  if (IsLastStep(replica.next)) return StageOutcome{std::nullopt, {steps, ""}};
  if (fate.early_after && steps >= *fate.early_after)
    return StageOutcome{std::nullopt, {steps, "stopped early"}};
  return std::nullopt;
}

void SimulatedTraining::EndStage(Replica& replica, const StageOutcome& outcome) const {
  if (outcome.data_error) replica.adapter = replica.before_stage;
  replica.before_stage = replica.adapter;
  replica.next = {replica.next.stage + 1, 0, 0};
}

}  // namespace strata
