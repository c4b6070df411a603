// Goal: a stored plan is the plan, and anything else is refused.
#include "gmock/gmock.h"
#include "tests/coordinator/plan/planned_branch.h"

namespace strata {
namespace {

Plan PlanWithEverything() {
  PlannedBranch branch;
  branch.config().max_length = 40;
  branch.config().excess_length_strategy = ExcessLength::kDrop;
  branch.config().lr_scheduler_type = Schedule::kWarmupStableDecay;
  branch.config().min_lr_rate = 0.125;
  branch.config().lr_decay_type = RateDecay::kOneMinusSqrt;
  branch.config().packing = false;
  branch.config().val_set_size = 0.3;
  branch.config().eval_steps = 7;
  branch.config().early_stopping_patience = 2;
  branch.lineage.current = Version(7);
  branch.Add("a \"quoted\" ñ.jsonl", ManyExamples(50));
  branch.Add("b.jsonl", ManyExamples(20, "other"));
  branch.Add("empty.jsonl", {});
  branch.dataset(2).tier = "premium";
  Plan plan = branch.Make();
  plan.stages[0].truncated = 3;
  plan.rebuild = true;
  return plan;
}

TEST(PlanJsonTest, StoredPlanIsThePlan) {
  const Plan plan = PlanWithEverything();
  ASSERT_EQ(plan.stages.size(), 2u);
  ASSERT_EQ(plan.skipped.size(), 1u);
  const std::string text = DumpJson(PlanToJson(plan), 1);
  const auto read = PlanFromJson(*ParseJson(text, "plan.json"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(DumpJson(PlanToJson(*read), 1), text);
  EXPECT_EQ(read->parent, Version(7));
  EXPECT_TRUE(read->rebuild);
  EXPECT_EQ(read->schedule, Schedule::kWarmupStableDecay);
  EXPECT_EQ(read->min_lr_rate, 0.125);
  EXPECT_EQ(read->decay, RateDecay::kOneMinusSqrt);
  EXPECT_EQ(read->stages[1].decay_steps, plan.stages[1].decay_steps);
  EXPECT_GT(read->stages[1].decay_steps, 0u);
  EXPECT_FALSE(read->packing);
  EXPECT_EQ(read->eval_steps, 7u);
  EXPECT_EQ(read->early_stopping_patience, 2u);
  EXPECT_FALSE(read->stages[0].held_out_examples.empty());
  EXPECT_EQ(read->stages[0].held_out_steps, plan.stages[0].held_out_steps);
  EXPECT_EQ(read->stages[1].index, 1u);
  EXPECT_EQ(read->stages[1].examples, plan.stages[1].examples);
  EXPECT_EQ(read->stages[0].refused_too_long, plan.stages[0].refused_too_long);
  EXPECT_EQ(read->stages[0].truncated, 3u);
  EXPECT_EQ(read->skipped[0].tier, "premium");
}

TEST(PlanJsonTest, LargestSeedSurvives) {
  Plan plan = PlanWithEverything();
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1} << 63, ~uint64_t{0}}) {
    plan.seed = seed;
    const auto read = PlanFromJson(*ParseJson(DumpJson(PlanToJson(plan)), "plan.json"));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->seed, seed);
  }
}

TEST(PlanJsonTest, AnotherFormatIsRefused) {
  Json json = PlanToJson(PlanWithEverything());
  json["format"] = kPlanFormat + 1;
  EXPECT_TRUE(absl::IsFailedPrecondition(PlanFromJson(json).status()));
}

TEST(PlanJsonTest, AWordThatNoVersionKnowsIsDataLoss) {
  for (const char* key : {"lr_scheduler_type", "lr_decay_type"}) {
    Json json = PlanToJson(PlanWithEverything());
    json[key] = "sideways";
    EXPECT_TRUE(absl::IsDataLoss(PlanFromJson(json).status())) << key;
  }
}

TEST(PlanJsonTest, EveryMissingOrWrongFieldIsDataLoss) {
  const Json good = PlanToJson(PlanWithEverything());
  for (const auto& [key, value] : good.items()) {
    Json json = good;
    json.erase(key);
    EXPECT_TRUE(absl::IsDataLoss(PlanFromJson(json).status())) << "without " << key;
    json[key] = nullptr;
    EXPECT_TRUE(absl::IsDataLoss(PlanFromJson(json).status())) << "null " << key;
  }
  for (const auto& [key, value] : good["stages"][0].items()) {
    Json json = good;
    json["stages"][0].erase(key);
    EXPECT_TRUE(absl::IsDataLoss(PlanFromJson(json).status())) << "stage without " << key;
    json["stages"][0][key] = {{"a", -1}};
    EXPECT_FALSE(PlanFromJson(json).ok()) << "wrong " << key;
  }
}

// What steps and rows are later made of: believed, they would ask for 100 GB.
TEST(PlanJsonTest, NumbersThatNoPlanHasAreDataLoss) {
  const Json good = PlanToJson(PlanWithEverything());
  const auto with_first = [&](const char* key, uint64_t value) {
    Json list = good["stages"][0][key];
    list[0] = value;
    return list;
  };
  const Json examples = good["stages"][0]["examples"];
  for (const auto& [key, value] : std::vector<std::pair<const char*, Json>>{
           {"steps", with_first("steps", UINT32_MAX)},
           {"rows", with_first("rows", examples.size() + 1)},
           {"examples", with_first("examples", examples[1].get<uint64_t>())},
           {"examples", with_first("examples", UINT32_MAX)},
           {"held_out_examples", with_first("held_out_examples", UINT32_MAX)},
           {"example_tokens", with_first("example_tokens", 41)},
           {"held_out_tokens", with_first("held_out_tokens", UINT32_MAX)},
           {"warmup_steps", UINT32_MAX},
           {"decay_steps", UINT32_MAX},
           {"complete_epochs", 3},
           {"held_out_steps", UINT32_MAX}}) {
    Json json = good;
    json["stages"][0][key] = value;
    EXPECT_TRUE(absl::IsDataLoss(PlanFromJson(json).status())) << key;
  }
}

TEST(PlanJsonTest, ListsThatDoNotMatchAreDataLoss) {
  for (const char* key : {"example_tokens", "held_out_tokens"}) {
    Json json = PlanToJson(PlanWithEverything());
    json["stages"][0][key].push_back(3);
    EXPECT_TRUE(absl::IsDataLoss(PlanFromJson(json).status())) << key;
  }
}

}  // namespace
}  // namespace strata
