// Goal: rows depend on the seed, the dataset, the pass and the epoch alone; ranks only share them.
// Method: properties over many seeds.
#include "coordinator/plan/shards.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "tests/coordinator/plan/planned_branch.h"

namespace strata {
namespace {

class ShardsTest : public testing::Test {
 protected:
  void SetUp() override {
    branch_.config().max_length = 64;
    branch_.config().global_batch_size = 4;
    branch_.Add("a.jsonl", ManyExamples(97));
    plan_ = branch_.Make();
    ASSERT_EQ(plan_.stages.size(), 1u);
  }
  std::vector<uint32_t> ExamplesOf(const std::vector<RowPlan>& rows) {
    std::vector<uint32_t> examples;
    for (const RowPlan& row : rows)
      examples.insert(examples.end(), row.examples.begin(), row.examples.end());
    return examples;
  }
  std::vector<RowPlan> Rows(uint64_t seed, uint32_t epoch) {
    plan_.seed = seed;
    return RowsOfEpoch(plan_, plan_.stages[0], epoch);
  }
  PlannedBranch branch_;
  Plan plan_;
};

TEST_F(ShardsTest, EveryExampleIsInOneRowOfAnEpoch) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<uint32_t> examples = ExamplesOf(Rows(seed, seed % 3));
    std::sort(examples.begin(), examples.end());
    ASSERT_EQ(examples, plan_.stages[0].examples) << "seed " << seed;
  }
}

TEST_F(ShardsTest, NoRowIsLongerThanMaxLengthOrLiesAboutItsTokens) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    for (const RowPlan& row : Rows(seed, 0)) {
      uint32_t tokens = 0;
      for (const uint32_t example : row.examples) tokens += plan_.stages[0].example_tokens[example];
      ASSERT_EQ(tokens, row.tokens);
      ASSERT_LE(tokens, plan_.max_length) << "seed " << seed;
    }
  }
}

TEST_F(ShardsTest, EpochsSeedsAndPassesShuffleAnew) {
  const auto first = ExamplesOf(Rows(1, 0));
  EXPECT_EQ(first, ExamplesOf(Rows(1, 0)));
  EXPECT_NE(first, ExamplesOf(Rows(1, 1)));
  EXPECT_NE(first, ExamplesOf(Rows(2, 0)));
  plan_.stages[0].pass = 1;
  EXPECT_NE(first, ExamplesOf(Rows(1, 0)));
}

TEST_F(ShardsTest, PackingFillsRowsAndCanBeTurnedOff) {
  const size_t packed = Rows(1, 0).size();
  EXPECT_LT(packed, 65u);  // 97 examples of 31 tokens on average: 47 full rows
  plan_.packing = false;
  EXPECT_EQ(Rows(1, 0).size(), 97u);
}

TEST_F(ShardsTest, StepsHoldTheRowsInTheirOrder) {
  for (uint32_t epoch = 0; epoch < 2; ++epoch) {
    const std::vector<RowPlan> rows = RowsOfEpoch(plan_, plan_.stages[0], epoch);
    const std::vector<StepRows> steps = StepsOfEpoch(plan_, plan_.stages[0], epoch);
    EXPECT_EQ(rows.size(), plan_.stages[0].rows[epoch]);
    ASSERT_EQ(steps.size(), plan_.stages[0].steps[epoch]);
    std::vector<RowPlan> joined;
    for (const StepRows& step : steps) {
      EXPECT_LE(step.size(), 4u);
      EXPECT_FALSE(step.empty());
      joined.insert(joined.end(), step.begin(), step.end());
    }
    EXPECT_EQ(ExamplesOf(joined), ExamplesOf(rows));
  }
}

TEST_F(ShardsTest, MaxStepsEndsTheStageWithinAnEpoch) {
  const uint32_t of_an_epoch = plan_.stages[0].steps[0];
  branch_.config().max_steps = of_an_epoch + 2;
  const Plan plan = branch_.Make();
  EXPECT_THAT(plan.stages[0].steps, testing::ElementsAre(of_an_epoch, 2u));
  EXPECT_EQ(StepsOfEpoch(plan, plan.stages[0], 1).size(), 2u);
  branch_.config().max_steps = 1;
  EXPECT_THAT(branch_.Make().stages[0].steps, testing::ElementsAre(1u));
}

TEST_F(ShardsTest, RanksShareEveryRowOnceAndTheRowsDoNotKnowThem) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    plan_.seed = seed;
    const StepRows step = StepsOfEpoch(plan_, plan_.stages[0], 0)[0];
    for (int world = 1; world <= 6; ++world) {
      std::vector<uint32_t> rows;
      const auto shards = CutStep(step, world);
      ASSERT_EQ(shards.size(), static_cast<size_t>(world));
      for (const auto& shard : shards) {
        EXPECT_TRUE(std::is_sorted(shard.begin(), shard.end()));
        rows.insert(rows.end(), shard.begin(), shard.end());
      }
      std::sort(rows.begin(), rows.end());
      std::vector<uint32_t> expected(step.size());
      for (uint32_t i = 0; i < step.size(); ++i) expected[i] = i;
      ASSERT_EQ(rows, expected) << "seed " << seed << " world " << world;
    }
  }
}

TEST_F(ShardsTest, RanksAreBalancedToWithinTheLongestRow) {
  plan_.global_batch_size = 1000;
  plan_.packing = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const StepRows step = Rows(seed, 0);
    for (int world = 2; world <= 5; ++world) {
      std::vector<uint64_t> load;
      for (const auto& shard : CutStep(step, world)) {
        load.push_back(0);
        for (const uint32_t row : shard) load.back() += step[row].tokens;
      }
      const auto [least, most] = std::minmax_element(load.begin(), load.end());
      EXPECT_LE(*most - *least, 8u) << "seed " << seed << " world " << world;
    }
  }
}

TEST_F(ShardsTest, StageKeyTellsSeedDatasetAndPassApart) {
  const Digest a = Sha256Of("a"), b = Sha256Of("b");
  const std::set<uint64_t> keys = {StageKey(1, a, 0), StageKey(2, a, 0), StageKey(1, b, 0),
                                   StageKey(1, a, 1)};
  EXPECT_EQ(keys.size(), 4u);
}

TEST(StepsOfStageTest, CountsOverTheEpochsAndBack) {
  StagePlan stage;
  stage.steps = {3, 1, 2};
  for (uint32_t step = 0; step < 6; ++step)
    EXPECT_EQ(StepOverEpochs(stage, StepAt(stage, step)), step);
  EXPECT_EQ(StepAt(stage, 3), StepOfStage(1, 0));
  EXPECT_EQ(StepsFrom(stage, 4), (std::set<StepOfStage>{{2, 0}, {2, 1}}));
  EXPECT_TRUE(StepsFrom(stage, 6).empty());
  EXPECT_EQ(EpochsWithin(stage, 2), 0u);
  EXPECT_EQ(EpochsWithin(stage, 4), 2u);
  EXPECT_EQ(EpochsWithin(stage, 6), 3u);
}

TEST(HeldOutStepsTest, HaveEveryHeldOutExampleOnceInTheOrderOfTheFile) {
  PlannedBranch branch;
  branch.config().val_set_size = 0.4;
  branch.config().packing = false;
  branch.config().global_batch_size = 7;
  branch.Add("a.jsonl", ManyExamples(100));
  const Plan plan = branch.Make();
  const StagePlan& stage = plan.stages.at(0);
  std::vector<uint32_t> met;
  const std::vector<StepRows> steps = HeldOutSteps(plan, stage);
  EXPECT_EQ(steps.size(), stage.held_out_steps);
  for (const StepRows& rows : steps) {
    EXPECT_LE(rows.size(), 7u);
    for (const RowPlan& row : rows) met.insert(met.end(), row.examples.begin(), row.examples.end());
  }
  EXPECT_EQ(met, stage.held_out_examples);
}

}  // namespace
}  // namespace strata
