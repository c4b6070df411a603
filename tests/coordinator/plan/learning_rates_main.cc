// Prints the learning rate of every step of the stages that it reads, for the comparison with
// transformers. A line on standard input is a stage: SCHEDULE STEPS WARMUP DECAY_STEPS DECAY MIN,
// the schedules and decays as numbers of their enums, in the order of branch.yaml's words; a line
// on standard output holds the rates of one, as shares of its highest.
#include <cstdio>
#include <iostream>

#include "coordinator/plan/plan.h"

int main() {
  using namespace strata;
  uint32_t steps = 0;
  int schedule = 0, decay = 0;
  Plan plan;
  StagePlan stage;
  stage.learning_rate = 1;
  while (std::cin >> schedule >> steps >> stage.warmup_steps >> stage.decay_steps >> decay >>
         plan.min_lr_rate) {
    plan.schedule = static_cast<Schedule>(schedule);
    plan.decay = static_cast<RateDecay>(decay);
    stage.steps = {steps / 3, steps - steps / 3};
    for (uint32_t step = 0; step < steps; ++step)
      std::printf("%.17g ", LearningRateAt(plan, stage, step));
    std::printf("\n");
  }
  return 0;
}
