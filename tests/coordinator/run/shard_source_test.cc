// Goal: what ranks are sent is the plan's step, whole, each row once, however many ranks there are.
// Method: token files whose ids name example and place; every window is read back to them.
#include "coordinator/run/shard_source.h"

#include <algorithm>
#include <deque>
#include <map>
#include <thread>

#include "gmock/gmock.h"
#include "tests/coordinator/plan/planned_branch.h"

namespace strata {
namespace {

using testing::SizeIs;
using Shards = std::vector<v1::StepShard>;

constexpr uint32_t kIdsOfAnExample = 1000;

// The tokens of ManyExamples with ids that tell them apart and, where there is room, two spans.
TokenizedExample TokensOf(uint32_t example, uint32_t tokens) {
  TokenizedExample tokenized;
  for (uint32_t i = 0; i < tokens; ++i) tokenized.ids.push_back(example * kIdsOfAnExample + i);
  tokenized.supervised =
      tokens > 3 ? std::vector<Span>{{1, 2}, {tokens - 1, tokens}} : std::vector<Span>{{1, 3}};
  return tokenized;
}

std::vector<uint32_t> SupervisedIdsOf(const v1::Row& row) {
  std::vector<uint32_t> ids;
  for (int i = 0; i + 1 < row.supervised_spans_size(); i += 2) {
    ids.insert(ids.end(), row.ids().begin() + row.supervised_spans(i),
               row.ids().begin() + row.supervised_spans(i + 1));
  }
  return ids;
}

// The shards of an attempt of so many ranks.
class RanksSource : public ShardSource {
 public:
  RanksSource(const Plan* plan, std::vector<const DatasetTokens*> tokens, int world)
      : ShardSource(plan, std::move(tokens)), world_(world) {}
  auto Window(const ShardWindow& window) { return ShardSource::Window(window, world_); }

 private:
  const int world_;
};

class ShardSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    branch_.config().max_length = 64;
    branch_.config().global_batch_size = 4;
    AddDataset("a.jsonl", 61);
    AddDataset("b.jsonl", 20);
    plan_ = branch_.Make();
    ASSERT_THAT(plan_.stages, SizeIs(2));
    ASSERT_THAT(plan_.stages[0].steps, SizeIs(2));
    for (const StagePlan& stage : plan_.stages) {
      auto tokens = DatasetTokens::Open(FileOf(stage.dataset), 64, ExcessLength::kTruncate);
      ASSERT_TRUE(tokens.ok()) << tokens.status();
      tokens_.push_back(*std::move(tokens));
    }
  }
  std::filesystem::path FileOf(const std::string& dataset) {
    return branch_.config().CacheDir() / (dataset + ".tokens");
  }
  void AddDataset(const std::string& name, int examples) {
    const std::vector<PlannedExample> planned = ManyExamples(examples, name);
    branch_.Add(name, planned);
    auto writer = TokenFileWriter::Create(FileOf(name)).value();
    for (uint32_t i = 0; i < planned.size(); ++i) writer.Append(TokensOf(i, planned[i].tokens));
    ASSERT_TRUE(writer.Finish().ok());
  }
  RanksSource SourceOf(int world) const { return {&plan_, {&tokens_[0], &tokens_[1]}, world}; }
  uint32_t Steps(uint32_t stage, uint32_t epoch) const { return plan_.stages[stage].steps[epoch]; }
  Shards WholeEpoch(RanksSource& source, int rank, uint32_t stage, uint32_t epoch) const {
    auto shards = source.Window({Rank(rank), stage, epoch, 0, Steps(stage, epoch)});
    EXPECT_TRUE(shards.ok()) << shards.status();
    return shards.ok() ? *std::move(shards) : Shards();
  }
  // The rows of every step by (step, index), over all ranks; a row that two ranks have fails.
  std::map<std::pair<uint32_t, uint32_t>, std::string> RowsOf(int world, uint32_t stage,
                                                              uint32_t epoch) const {
    std::map<std::pair<uint32_t, uint32_t>, std::string> rows;
    RanksSource source = SourceOf(world);
    for (int rank = 0; rank < world; ++rank) {
      for (const v1::StepShard& shard : WholeEpoch(source, rank, stage, epoch)) {
        for (const v1::Row& row : shard.rows()) {
          EXPECT_TRUE(
              rows.emplace(std::pair{shard.step(), row.index()}, row.SerializeAsString()).second);
        }
      }
    }
    return rows;
  }
  // The examples of dataset 0, one after the other.
  void ExpectHolds(const v1::Row& row, const std::vector<uint32_t>& examples) const {
    std::vector<uint32_t> ids, lengths, supervised;
    for (const uint32_t example : examples) {
      lengths.push_back(tokens_[0].counts()[example].tokens);
      const TokenizedExample expected = TokensOf(example, lengths.back());
      ids.insert(ids.end(), expected.ids.begin(), expected.ids.end());
      for (const Span& span : expected.supervised)
        for (uint32_t i = span.begin; i < span.end; ++i) supervised.push_back(expected.ids[i]);
    }
    EXPECT_THAT(row.ids(), testing::ElementsAreArray(ids));
    EXPECT_THAT(row.example_lengths(), testing::ElementsAreArray(lengths));
    EXPECT_EQ(SupervisedIdsOf(row), supervised);
  }
  static std::string BytesOf(const absl::StatusOr<Shards>& shards) {
    std::string bytes;
    for (const v1::StepShard& shard : shards.value()) bytes += shard.SerializeAsString() + "|";
    return bytes;
  }

  PlannedBranch branch_;
  Plan plan_;
  std::deque<DatasetTokens> tokens_;
};

TEST_F(ShardSourceTest, EveryStepOfAWindowIsThereEvenWithoutRows) {
  RanksSource source = SourceOf(5);  // a step has four rows at most
  int without_rows = 0;
  for (int rank = 0; rank < 5; ++rank) {
    const Shards shards = WholeEpoch(source, rank, 0, 0);
    ASSERT_THAT(shards, SizeIs(Steps(0, 0)));
    for (uint32_t step = 0; step < shards.size(); ++step) {
      EXPECT_EQ(shards[step].step(), step);
      EXPECT_GT(shards[step].step_tokens(), 0u);
      without_rows += shards[step].rows().empty();
    }
  }
  EXPECT_GE(without_rows, static_cast<int>(Steps(0, 0)));
}

TEST_F(ShardSourceTest, EachRowGoesToOneRankAndDoesNotKnowHowManyThereAre) {
  for (uint32_t epoch : {0u, 1u}) {
    const auto alone = RowsOf(1, 0, epoch);
    EXPECT_THAT(alone, SizeIs(plan_.stages[0].rows[epoch]));
    for (const int world : {2, 3, 7}) EXPECT_EQ(RowsOf(world, 0, epoch), alone) << world;
  }
}

TEST_F(ShardSourceTest, RowsHoldThePlansExamplesWithTheirSpansShifted) {
  RanksSource source = SourceOf(1);
  const std::vector<StepRows> planned = StepsOfEpoch(plan_, plan_.stages[0], 1);
  const Shards shards = WholeEpoch(source, 0, 0, 1);
  size_t packed = 0;
  for (size_t step = 0; step < planned.size(); ++step) {
    ASSERT_THAT(shards[step].rows(), SizeIs(planned[step].size()));
    for (const v1::Row& row : shards[step].rows()) {
      ExpectHolds(row, planned[step][row.index()].examples);
      packed += row.example_lengths_size() > 1;
    }
  }
  EXPECT_GT(packed, 5u);
}

TEST_F(ShardSourceTest, TotalsAreOfAllRanksAndNotOfOne) {
  RanksSource source = SourceOf(3);
  std::vector<uint64_t> tokens(Steps(0, 0)), supervised(Steps(0, 0));
  for (int rank = 0; rank < 3; ++rank) {
    for (const v1::StepShard& shard : WholeEpoch(source, rank, 0, 0)) {
      for (const v1::Row& row : shard.rows()) {
        tokens[shard.step()] += row.ids().size();
        supervised[shard.step()] += SupervisedIdsOf(row).size();
      }
    }
  }
  for (const v1::StepShard& shard : WholeEpoch(source, 2, 0, 0)) {
    const StepTotals totals = source.Totals(0, 0, shard.step());
    EXPECT_EQ(shard.step_tokens(), tokens[shard.step()]);
    EXPECT_EQ(shard.step_supervised_tokens(), supervised[shard.step()]);
    EXPECT_EQ(totals.tokens, tokens[shard.step()]);
    EXPECT_EQ(totals.supervised, supervised[shard.step()]);
  }
}

TEST_F(ShardSourceTest, TheLearningRateIsThePlansAndGoesOnOverEpochs) {
  RanksSource source = SourceOf(2);
  for (const uint32_t stage : {0u, 1u}) {
    uint32_t of_stage = 0;
    for (uint32_t epoch = 0; epoch < 2; ++epoch) {
      for (const v1::StepShard& shard : WholeEpoch(source, 1, stage, epoch))
        EXPECT_EQ(shard.learning_rate(), LearningRateAt(plan_, plan_.stages[stage], of_stage++));
    }
    EXPECT_EQ(of_stage, plan_.stages[stage].total_steps());
  }
}

TEST_F(ShardSourceTest, WindowsJoinToTheEpoch) {
  RanksSource source = SourceOf(2);
  const std::string whole = BytesOf(WholeEpoch(source, 1, 0, 0));
  for (const uint32_t size : {1u, 3u}) {
    std::string joined;
    for (uint32_t first = 0; first < Steps(0, 0); first += size) {
      joined += BytesOf(source.Window({Rank(1), 0, 0, first, std::min(size, Steps(0, 0) - first)}));
    }
    EXPECT_EQ(joined, whole) << size;
  }
}

TEST_F(ShardSourceTest, AWindowIsTheSameWhateverWasAskedBefore) {
  RanksSource source = SourceOf(2);
  const std::string first = BytesOf(WholeEpoch(source, 0, 0, 0));
  EXPECT_NE(BytesOf(WholeEpoch(source, 0, 0, 1)), first);
  EXPECT_NE(BytesOf(WholeEpoch(source, 0, 1, 0)), first);
  EXPECT_EQ(BytesOf(WholeEpoch(source, 0, 0, 0)), first);
}

TEST_F(ShardSourceTest, RanksThatAskAtOnceAreSentWhatTheyAreSentAlone) {
  RanksSource alone = SourceOf(2), shared = SourceOf(2);
  std::vector<std::string> sent(8);
  std::vector<std::thread> ranks;
  for (uint32_t i = 0; i < sent.size(); ++i) {
    ranks.emplace_back([&, i] {
      for (int times = 0; times < 5; ++times)
        sent[i] = BytesOf(WholeEpoch(shared, static_cast<int>(i % 2), i / 2 % 2, i / 4));
    });
  }
  for (std::thread& rank : ranks) rank.join();
  for (uint32_t i = 0; i < sent.size(); ++i)
    EXPECT_EQ(sent[i], BytesOf(WholeEpoch(alone, static_cast<int>(i % 2), i / 2 % 2, i / 4)));
}

TEST_F(ShardSourceTest, AWindowThatThePlanDoesNotHaveIsInvalid) {
  RanksSource source = SourceOf(2);
  const uint32_t steps = Steps(0, 0);
  for (const ShardWindow& window :
       {ShardWindow{Rank(0), 2, 0, 0, 1}, ShardWindow{Rank(0), UINT32_MAX, 0, 0, 1},
        ShardWindow{Rank(0), 0, 2, 0, 1}, ShardWindow{Rank(0), 0, UINT32_MAX, 0, 1},
        ShardWindow{Rank(0), 0, 0, 0, steps + 1}, ShardWindow{Rank(0), 0, 0, steps, 1},
        ShardWindow{Rank(0), 0, 0, 1, UINT32_MAX}, ShardWindow{Rank(0), 0, 0, UINT32_MAX, 2},
        ShardWindow{Rank(2), 0, 0, 0, 1}, ShardWindow{Rank(-1), 0, 0, 0, 1}}) {
    const auto shards = source.Window(window);
    EXPECT_EQ(shards.status().code(), absl::StatusCode::kInvalidArgument)
        << window.stage << "." << window.epoch << "." << window.first_step << "+"
        << window.step_count << " rank " << window.rank;
  }
}

TEST_F(ShardSourceTest, AWindowThatWouldHoldTooMuchIsInvalid) {
  branch_.config().global_batch_size = 1;
  branch_.config().packing = false;
  AddDataset("long.jsonl", 300);
  plan_ = branch_.Make();
  tokens_.push_back(DatasetTokens::Open(FileOf("long.jsonl"), 64, ExcessLength::kTruncate).value());
  ASSERT_EQ(Steps(2, 0), 300u);
  RanksSource source(&plan_, {&tokens_[0], &tokens_[1], &tokens_[2]}, 1);
  EXPECT_TRUE(source.Window({Rank(0), 2, 0, 0, kWindowStepsMax}).ok());
  EXPECT_TRUE(
      absl::IsInvalidArgument(source.Window({Rank(0), 2, 0, 0, kWindowStepsMax + 1}).status()));
}

TEST_F(ShardSourceTest, AnExampleBeyondTheTokensIsDataLoss) {
  plan_.stages[0].examples.back() = 61;
  RanksSource source = SourceOf(1);
  EXPECT_TRUE(absl::IsDataLoss(source.Window({Rank(0), 0, 0, 0, Steps(0, 0)}).status()));
}

TEST_F(ShardSourceTest, AWindowOfNoStepsIsEmpty) {
  RanksSource source = SourceOf(2);
  for (const uint32_t first : {0u, Steps(0, 0)})
    EXPECT_THAT(source.Window({Rank(0), 0, 0, first, 0}).value(), SizeIs(0));
}

TEST_F(ShardSourceTest, ATokenFileThatChangedIsDataLoss) {
  std::fstream file(FileOf("a.jsonl"), std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(10);  // within the first example's ids
  file.put('\x7f');
  file.close();
  RanksSource source = SourceOf(1);
  EXPECT_EQ(source.Window({Rank(0), 0, 0, 0, Steps(0, 0)}).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_TRUE(source.Window({Rank(0), 1, 0, 0, 1}).ok());
}

TEST_F(ShardSourceTest, ATokenFileThatIsGoneIsDataLoss) {
  ASSERT_TRUE(std::filesystem::remove(FileOf("b.jsonl")));
  RanksSource source = SourceOf(1);
  EXPECT_EQ(source.Window({Rank(0), 1, 0, 0, 1}).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(source.Window({Rank(0), 0, 0, 0, 1}).ok());
}

TEST_F(ShardSourceTest, HeldOutRowsAreSharedByTheRanksAndNeverTrained) {
  branch_.config().val_set_size = 0.3;
  plan_ = branch_.Make();
  const StagePlan& stage = plan_.stages.at(0);
  ASSERT_GT(stage.held_out_steps, 1u);
  RanksSource source = SourceOf(2);
  std::vector<uint32_t> met;
  for (int rank = 0; rank < 2; ++rank) {
    const auto shards = source.Window({Rank(rank), 0, 0, 0, stage.held_out_steps, true});
    ASSERT_TRUE(shards.ok()) << shards.status();
    for (const v1::StepShard& shard : *shards) {
      EXPECT_EQ(shard.learning_rate(), 0);
      for (const v1::Row& row : shard.rows()) {
        int at = 0;
        for (const uint32_t length : row.example_lengths()) {
          met.push_back(row.ids(at) / kIdsOfAnExample);
          at += static_cast<int>(length);
        }
      }
    }
  }
  std::sort(met.begin(), met.end());
  EXPECT_EQ(met, stage.held_out_examples);
}

TEST_F(ShardSourceTest, WindowsBeyondTheHeldOutRowsAreRefused) {
  RanksSource source = SourceOf(1);
  EXPECT_TRUE(absl::IsInvalidArgument(source.Window({Rank(0), 0, 0, 0, 1, true}).status()))
      << "nothing is held out";
  branch_.config().val_set_size = 0.3;
  plan_ = branch_.Make();
  const uint32_t steps = plan_.stages.at(0).held_out_steps;
  EXPECT_TRUE(source.Window({Rank(0), 0, 0, 0, steps, true}).ok());
  EXPECT_FALSE(source.Window({Rank(0), 0, 0, 0, steps + 1, true}).ok());
  EXPECT_FALSE(source.Window({Rank(0), 0, 1, 0, 1, true}).ok()) << "no epoch 1";
  EXPECT_FALSE(source.Window({Rank(0), 9, 0, 0, 1, true}).ok());
}

}  // namespace
}  // namespace strata
