// Goal: micro_batch_size: auto takes what fits, no more than there are rows, and says why. Method:
// budgets made by hand on both sides of the estimate.
#include "coordinator/run/micro_batch_choice.h"

#include "gmock/gmock.h"
#include "tests/coordinator/run/small_base.h"

namespace strata {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class MicroBatchChoiceTest : public testing::Test {
 protected:
  MicroBatchChoiceTest() { config_.micro_batch_size = 0; }
  uint64_t Need(uint32_t rows) const {
    return EstimateMemory(config_, base_, rows, /*on_cuda=*/false).total();
  }
  MicroBatch With(uint64_t bytes) const {
    return ChooseMicroBatch(config_, base_, {.on_cuda = false, .bytes = bytes, .source = "a test"});
  }
  Config config_;
  Base base_ = SmallBase(config_);
};

TEST_F(MicroBatchChoiceTest, AutoTakesTheLargestPowerOfTwoThatFits) {
  EXPECT_EQ(With(Need(4)).rows, 4);
  EXPECT_EQ(With(Need(8) - 1).rows, 4);
  EXPECT_EQ(With(Need(8)).rows, 8);
  EXPECT_EQ(With(Need(8)).estimate.total(), Need(8));
  EXPECT_TRUE(With(Need(4)).chosen);
}

TEST_F(MicroBatchChoiceTest, AutoTakesNoMoreThanAWorkersShareOfTheStep) {
  EXPECT_EQ(With(UINT64_MAX).rows, 16);
  config_.workers = 3;  // six rows at the most
  EXPECT_EQ(With(UINT64_MAX).rows, 4);
  config_.global_batch_size = 1;
  EXPECT_EQ(With(UINT64_MAX).rows, 1);
}

TEST_F(MicroBatchChoiceTest, WhatDoesNotFitEvenOnceIsSaidWithWhatToDo) {
  const MicroBatch none = With(Need(1) - 1);
  EXPECT_EQ(none.rows, 1);
  EXPECT_FALSE(none.fits());
  EXPECT_THAT(NoRoomText(none, config_),
              AllOf(HasSubstr("max_length"), HasSubstr("gradient_checkpointing: true"),
                    HasSubstr("a test"), Not(HasSubstr("workers"))));
  config_.gradient_checkpointing = true;
  config_.workers = 2;
  EXPECT_THAT(NoRoomText(With(1), config_),
              AllOf(Not(HasSubstr("gradient_checkpointing")), HasSubstr("lower workers")));
  EXPECT_EQ(NoRoomText(With(Need(1)), config_), "");
}

TEST_F(MicroBatchChoiceTest, ANumberStandsWhateverTheMemory) {
  config_.micro_batch_size = 3;
  EXPECT_EQ(With(1).rows, 3);
  EXPECT_FALSE(With(1).chosen);
  EXPECT_EQ(NoRoomText(With(1), config_), "");
  config_.micro_batch_size = 64;  // but only 16 rows are there
  EXPECT_EQ(With(1).rows, 64);
  EXPECT_EQ(With(1).estimate.total(), Need(16));
}

// gradient_checkpointing: auto, on rows of 512 tokens: two of them are as many as it takes.
class CheckpointingChoiceTest : public MicroBatchChoiceTest {
 protected:
  CheckpointingChoiceTest() { config_.gradient_checkpointing = std::nullopt; }
  uint64_t NeedWith(uint32_t rows) const {
    Config with = config_;
    with.gradient_checkpointing = true;
    return EstimateMemory(with, base_, rows, /*on_cuda=*/false).total();
  }
};

TEST_F(CheckpointingChoiceTest, LayersAreLeftAloneWhereEnoughTokensFit) {
  for (const uint32_t rows : {2, 4, 16}) {
    const MicroBatch kept = With(Need(rows));
    EXPECT_FALSE(kept.checkpointing);
    EXPECT_EQ(kept.rows, rows);
    EXPECT_EQ(kept.estimate.total(), Need(rows));
    EXPECT_THAT(kept.why, HasSubstr("without it"));
  }
}

TEST_F(CheckpointingChoiceTest, TheyAreComputedAgainWhereTooFewFit) {
  const MicroBatch again = With(Need(2) - 1);
  EXPECT_TRUE(again.checkpointing);
  EXPECT_GT(again.rows, 1);
  EXPECT_EQ(again.estimate.total(), NeedWith(again.rows));
  EXPECT_LE(again.estimate.total(), Need(2) - 1);
  EXPECT_THAT(again.why, AllOf(HasSubstr("only 1 row, 512 tokens"), HasSubstr("1024")));
  config_.max_length = 1024;  // one row is enough
  EXPECT_FALSE(With(Need(2) - 1).checkpointing);
}

TEST_F(CheckpointingChoiceTest, AllRowsOfAnUpdateAreEnoughHoweverFewTheyAre) {
  config_.global_batch_size = 1;
  EXPECT_FALSE(With(Need(1)).checkpointing);
  EXPECT_TRUE(With(Need(1) - 1).checkpointing);
}

TEST_F(CheckpointingChoiceTest, WhatDoesNotFitEitherWayIsSaidWithoutAdviceThatWasTaken) {
  const MicroBatch none = With(NeedWith(1) - 1);
  EXPECT_TRUE(none.checkpointing);
  EXPECT_FALSE(none.fits());
  EXPECT_THAT(NoRoomText(none, config_),
              AllOf(HasSubstr("max_length"), Not(HasSubstr("gradient_checkpointing"))));
}

TEST_F(CheckpointingChoiceTest, ANumberOfRowsStandsAndLayersAreComputedAgainIfItDoesNotFit) {
  config_.micro_batch_size = 3;
  EXPECT_FALSE(With(Need(3)).checkpointing);
  const MicroBatch again = With(Need(3) - 1);
  EXPECT_TRUE(again.checkpointing);
  EXPECT_EQ(again.rows, 3);
  EXPECT_THAT(again.why, HasSubstr("3 rows at once do not fit"));
}

TEST_F(CheckpointingChoiceTest, ARunIsSettledOnBoth) {
  const MicroBatch again = With(Need(2) - 1);
  const Config settled = Settled(config_, again);
  EXPECT_EQ(settled.micro_batch_size, again.rows);
  EXPECT_EQ(settled.gradient_checkpointing, true);
}

TEST(MemoryBudgetTest, MainMemoryIsSharedByTheWorkers) {
  Config config;
  config.device = "cpu";
  EXPECT_EQ(BudgetOf(config, 10'000'000'000, true).bytes, 8'000'000'000);
  config.workers = 2;
  const MemoryBudget two = BudgetOf(config, 10'000'000'000, true);
  EXPECT_EQ(two.bytes, 4'000'000'000);
  EXPECT_FALSE(two.on_cuda);
  EXPECT_THAT(two.source, AllOf(HasSubstr("10.0 GB"), HasSubstr("by 2 workers")));
}

TEST(MemoryBudgetTest, AGpuHasWhatGpuMemoryGbSaysOrWhatIsAssumed) {
  Config config;
  config.device = "cuda";
  const MemoryBudget assumed = BudgetOf(config, 1, false);
  EXPECT_EQ(assumed.bytes, 14'400'000'000);
  EXPECT_THAT(assumed.source, AllOf(HasSubstr("assumed"), HasSubstr("gpu_memory_gb")));
  config.gpu_memory_gb = 80;
  config.workers = 8;  // each has a GPU of its own
  EXPECT_EQ(BudgetOf(config, 1, false).bytes, 72'000'000'000);
}

TEST(MemoryBudgetTest, AutoDeviceGoesByTheDriverAndByGpuMemoryGb) {
  Config config;
  EXPECT_FALSE(BudgetOf(config, 1, false).on_cuda);
  EXPECT_TRUE(BudgetOf(config, 1, true).on_cuda);
  config.gpu_memory_gb = 24;
  EXPECT_TRUE(BudgetOf(config, 1, false).on_cuda);
}

}  // namespace
}  // namespace strata
