// Gives tests a plan of two stages, of 3 + 3 and 2 updates, and news of its run.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "coordinator/plan/plan.h"
#include "coordinator/run/run_news.h"

namespace strata {

inline Plan SmallPlan() {
  Plan plan;
  plan.max_length = 8;
  plan.global_batch_size = 1;
  plan.stages.resize(2);
  plan.stages[0].dataset = "train.jsonl";
  plan.stages[0].steps = {3, 3};
  plan.stages[1].index = 1;
  plan.stages[1].dataset = "more.jsonl";
  plan.stages[1].steps = {2};
  for (StagePlan& stage : plan.stages) {
    stage.examples = {0, 1, 2};
    stage.example_tokens = {4, 4, 4};
    stage.rows.assign(stage.steps.begin(), stage.steps.end());
    stage.complete_epochs = static_cast<uint32_t>(stage.steps.size());
  }
  return plan;
}

// A step of 100 tokens in half a second; its loss tells its place.
inline StepSeen StepAt(uint32_t stage, uint32_t epoch, uint32_t step, uint32_t attempt = 1) {
  StepSeen seen;
  seen.stage = stage;
  seen.epoch = epoch;
  seen.step = step;
  seen.dataset = stage == 0 ? "train.jsonl" : "more.jsonl";
  seen.loss = stage + epoch / 10.0 + step / 100.0;
  seen.learning_rate = 0.001;
  seen.grad_norm = 2;
  seen.seconds = 0.5;
  seen.time = 1796000000 + stage * 100 + epoch * 10 + step;
  seen.tokens = 100;
  seen.supervised = 40;
  seen.ranks = 1;
  seen.attempt = attempt;
  seen.device = "cpu";
  return seen;
}

inline JournalLine LineOf(const std::string& kind, const std::string& words, uint32_t attempt = 1) {
  return {.kind = kind, .words = words, .attempt = AttemptId(attempt)};
}

inline TimedNews Told(RunNews news, int seconds = 0) {
  return {std::chrono::system_clock::time_point(std::chrono::seconds(1796000000 + seconds)),
          std::move(news)};
}

}  // namespace strata
