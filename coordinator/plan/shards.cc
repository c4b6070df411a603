#include "coordinator/plan/shards.h"

#include <algorithm>
#include <numeric>

#include "common/keyed_random.h"

namespace strata {
namespace {

constexpr size_t kOpenRows = 64;  // that first fit looks at; a row that leaves the window is closed
constexpr uint64_t kRowOrder = 0x726f7773;  // parts the order's keys from those of dropout

// Uniform in [0, bound): the high word of a 32×64-bit product of 64 random bits, so that the bias
// is below 2^-32.
uint32_t Below(uint32_t bound, uint64_t random) {
  return static_cast<uint32_t>((static_cast<unsigned __int128>(random) * bound) >> 64);
}

std::vector<uint32_t> Shuffled(size_t count, uint64_t key) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = count; i > 1; --i) {
    const PhiloxCounter words = Philox({static_cast<uint32_t>(i), 0, 0, 0}, PhiloxKeyOf(key));
    std::swap(order[i - 1],
              order[Below(static_cast<uint32_t>(i), uint64_t{words[0]} << 32 | words[1])]);
  }
  return order;
}

// First fit into a window of open rows.
class RowPacking {
 public:
  explicit RowPacking(const Plan& plan) : plan_(plan) {}
  void Add(uint32_t example, uint32_t tokens) {
    auto fit = std::find_if(open_.begin(), open_.end(), [&](size_t row) {
      return rows_[row].tokens + tokens <= plan_.max_length;
    });
    if (fit == open_.end()) {
      rows_.emplace_back();
      fit = open_.insert(open_.end(), rows_.size() - 1);
    }
    RowPlan& row = rows_[*fit];
    row.examples.push_back(example);
    row.tokens += tokens;
    if (!plan_.packing || row.tokens >= plan_.max_length) {
      open_.erase(fit);
    } else if (open_.size() > kOpenRows) {
      open_.erase(open_.begin());
    }
  }
  std::vector<RowPlan> Rows() && { return std::move(rows_); }

 private:
  const Plan& plan_;
  std::vector<RowPlan> rows_;
  std::vector<size_t> open_;  // indices of rows that may still take an example, oldest first
};

std::vector<StepRows> CutIntoSteps(const Plan& plan, std::vector<RowPlan> rows, size_t count) {
  std::vector<StepRows> steps(count);
  for (size_t i = 0; i < rows.size() && i / plan.global_batch_size < steps.size(); ++i)
    steps[i / plan.global_batch_size].push_back(std::move(rows[i]));
  return steps;
}

}  // namespace

uint64_t StageKey(uint64_t seed, const Digest& dataset, uint32_t pass) {
  return MixKey(MixKey(MixKey(0, seed), dataset.Prefix64()), pass);
}

std::vector<RowPlan> RowsOfEpoch(const Plan& plan, const StagePlan& stage, uint32_t epoch) {
  const uint64_t key = MixKey(StageKey(plan.seed, stage.sha256, stage.pass), kRowOrder);
  RowPacking packing(plan);
  for (const uint32_t at : Shuffled(stage.examples.size(), MixKey(key, epoch)))
    packing.Add(stage.examples[at], stage.example_tokens[at]);
  return std::move(packing).Rows();
}

std::vector<StepRows> StepsOfEpoch(const Plan& plan, const StagePlan& stage, uint32_t epoch) {
  return CutIntoSteps(plan, RowsOfEpoch(plan, stage, epoch), stage.steps[epoch]);
}

std::vector<StepRows> HeldOutSteps(const Plan& plan, const StagePlan& stage) {
  RowPacking packing(plan);
  for (size_t i = 0; i < stage.held_out_examples.size(); ++i)
    packing.Add(stage.held_out_examples[i], stage.held_out_tokens[i]);
  std::vector<RowPlan> rows = std::move(packing).Rows();
  const size_t steps = (rows.size() + plan.global_batch_size - 1) / plan.global_batch_size;
  return CutIntoSteps(plan, std::move(rows), steps);
}

uint32_t StepOverEpochs(const StagePlan& stage, const StepOfStage& at) {
  return std::accumulate(stage.steps.begin(), stage.steps.begin() + at.first, at.second);
}

StepOfStage StepAt(const StagePlan& stage, uint32_t step) {
  uint32_t epoch = 0;
  while (epoch + 1 < stage.steps.size() && step >= stage.steps[epoch]) step -= stage.steps[epoch++];
  return {epoch, step};
}

std::set<StepOfStage> StepsFrom(const StagePlan& stage, uint32_t step) {
  std::set<StepOfStage> steps;
  for (; step < stage.total_steps(); ++step) steps.insert(StepAt(stage, step));
  return steps;
}

uint32_t EpochsWithin(const StagePlan& stage, uint32_t steps) {
  uint32_t epochs = 0;
  for (; epochs < stage.steps.size() && stage.steps[epochs] <= steps; ++epochs)
    steps -= stage.steps[epochs];
  return epochs;
}

std::vector<uint32_t> ReachedExamples(const Plan& plan, const StagePlan& stage,
                                      const std::set<StepOfStage>& skipped) {
  if (skipped.empty() && stage.complete_epochs > 0) return stage.examples;
  std::set<uint32_t> reached;
  for (uint32_t epoch = 0; epoch < stage.steps.size(); ++epoch) {
    const std::vector<StepRows> steps = StepsOfEpoch(plan, stage, epoch);
    for (uint32_t step = 0; step < steps.size(); ++step) {
      if (skipped.count({epoch, step}) != 0) continue;
      for (const RowPlan& row : steps[step])
        reached.insert(row.examples.begin(), row.examples.end());
    }
  }
  return {reached.begin(), reached.end()};
}

std::vector<std::vector<uint32_t>> CutStep(const StepRows& rows, int world) {
  std::vector<uint32_t> by_cost(rows.size());
  std::iota(by_cost.begin(), by_cost.end(), 0);
  std::stable_sort(by_cost.begin(), by_cost.end(),
                   [&](uint32_t a, uint32_t b) { return rows[a].tokens > rows[b].tokens; });
  std::vector<std::vector<uint32_t>> shards(world);
  std::vector<uint64_t> load(world, 0);
  for (const uint32_t row : by_cost) {
    const size_t lightest = std::min_element(load.begin(), load.end()) - load.begin();
    shards[lightest].push_back(row);
    load[lightest] += rows[row].tokens;
  }
  for (std::vector<uint32_t>& shard : shards) std::sort(shard.begin(), shard.end());
  return shards;
}

}  // namespace strata
