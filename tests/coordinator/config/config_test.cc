// Goal: a file has one tier, and a configuration that contradicts itself is refused with the keys
// that do.
#include "coordinator/config/config.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Config Usable() {
  Config config;
  config.name = "antropologia";
  config.model_name_or_path = "/base";
  return config;
}

std::string Refusal(const Config& config) {
  const absl::Status status = Validate(config);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  return std::string(status.message());
}

TEST(TierOfTest, TheFirstTierThatMatchesWins) {
  const Config config = Usable();
  EXPECT_EQ(TierOf(config, "supplementary_improved.jsonl"), 1);
  EXPECT_EQ(TierOf(config, "premium_premium_training_dataset_migrated.jsonl"), 0);
  EXPECT_EQ(TierOf(config, "TRAIN_Improved.JSONL"), 1);
  EXPECT_EQ(TierOf(config, "supplementary_data.jsonl"), 2);
  EXPECT_EQ(TierOf(config, "train.jsonl"), 3);
  EXPECT_EQ(TierOf(config, "my_train.jsonl"), -1);
}

TEST(TierOfTest, ADatasetsOwnTierComesFirst) {
  Config config = Usable();
  config.datasets = {{"train.jsonl", "premium"}, {"other.jsonl"}};
  EXPECT_EQ(TierOf(config, "train.jsonl"), 0);
  EXPECT_EQ(TierOf(config, "other.jsonl"), -1);
}

TEST(ValidateTest, AcceptsDefaultsAndOrdersOfFilesThatBelong) {
  Config config = Usable();
  config.tiers[3].order = {"train_b.jsonl", "train_a.jsonl", "moved.jsonl"};
  config.datasets = {{"moved.jsonl", "base"}};
  EXPECT_TRUE(Validate(config).ok()) << Validate(config);
  config.micro_batch_size = config.global_batch_size * 2;  // memory only
  EXPECT_TRUE(Validate(config).ok());
}

TEST(ValidateTest, RefusesWhatIsMissing) {
  EXPECT_THAT(Refusal(Config()), HasSubstr("name"));
  Config config = Usable();
  config.model_name_or_path.clear();
  EXPECT_THAT(Refusal(config), HasSubstr("model_name_or_path"));
}

TEST(ValidateTest, RefusesALowestRateThatTheScheduleDoesNotKnowOrDoesNotHave) {
  Config config = Usable();
  config.min_lr_rate = 0.1;
  EXPECT_THAT(Refusal(config), AllOf(HasSubstr("min_lr_rate"), HasSubstr("cosine_with_min_lr")));
  config.lr_scheduler_type = Schedule::kCosineWithMinLr;
  EXPECT_TRUE(Validate(config).ok());
  config.min_lr_rate = 0;
  EXPECT_THAT(Refusal(config), HasSubstr("needs it"));
  config.lr_scheduler_type = Schedule::kWarmupStableDecay;
  EXPECT_TRUE(Validate(config).ok());
}

TEST(ValidateTest, RefusesAnEvaluationOfNothing) {
  Config config = Usable();
  config.early_stopping_patience = 2;
  EXPECT_THAT(Refusal(config),
              AllOf(HasSubstr("early_stopping_patience"), HasSubstr("val_set_size")));
  config.val_set_size = 0.1;
  EXPECT_TRUE(Validate(config).ok());
  config = Usable();
  config.eval_steps = 10;
  EXPECT_THAT(Refusal(config), AllOf(HasSubstr("eval_steps"), HasSubstr("val_set_size")));
}

TEST(ValidateTest, RefusesAPatienceOfAWatchdogThatIsOff) {
  Config config = Usable();
  config.loss_watchdog_patience = 5;
  EXPECT_THAT(Refusal(config),
              AllOf(HasSubstr("loss_watchdog_patience"), HasSubstr("loss_watchdog_threshold")));
  config.loss_watchdog_threshold = 4;
  EXPECT_TRUE(Validate(config).ok());
}

TEST(ValidateTest, RefusesAMirrorThatCannotBeOne) {
  Config config = Usable();
  config.branch = "/branch";
  config.backup_mirror = config.AdaptersDir() / "mirror";
  EXPECT_THAT(std::string(Validate(config).message()), HasSubstr("backup_mirror: must not lie"));
  config.backup_mirror = config.branch / "mirror";
  EXPECT_TRUE(Validate(config).ok());
  for (const char* name : {"a/b", "../a", ".a"}) {
    config.name = name;
    EXPECT_THAT(std::string(Validate(config).message()), HasSubstr("name: backup_mirror has"));
  }
}

TEST(ValidateTest, RefusesTwoTiersOfOneName) {
  Config config = Usable();
  config.tiers.push_back({"premium", {"*"}});
  EXPECT_THAT(Refusal(config), AllOf(HasSubstr("two tiers"), HasSubstr("premium")));
}

TEST(ValidateTest, RefusesAFileListedTwice) {
  Config config = Usable();
  config.datasets = {{"a.jsonl"}, {"a.jsonl"}};
  EXPECT_THAT(Refusal(config), AllOf(HasSubstr("datasets"), HasSubstr("a.jsonl")));
  config = Usable();
  config.tiers[3].order = {"train.jsonl", "train.jsonl"};
  EXPECT_THAT(Refusal(config), HasSubstr("the order of base lists a file twice: train.jsonl"));
}

TEST(ValidateTest, RefusesADatasetOfNoKnownTier) {
  Config config = Usable();
  config.datasets = {{"a.jsonl", "gold"}};
  EXPECT_THAT(Refusal(config), HasSubstr("the tier of a.jsonl is not in tiers"));
}

TEST(ValidateTest, RefusesAnOrderOfFilesThatBelongElsewhere) {
  Config config = Usable();
  config.tiers[3].order = {"train_improved.jsonl"};
  EXPECT_THAT(Refusal(config),
              AllOf(HasSubstr("the order of base"), HasSubstr("tier improved claims")));
  config.tiers[3].order = {"notes.jsonl"};
  EXPECT_THAT(Refusal(config), HasSubstr("no tier claims"));
  config.tiers[3].order = {"train.jsonl"};
  config.tiers[0].order = {"train.jsonl"};
  EXPECT_THAT(Refusal(config),
              AllOf(HasSubstr("the order of premium"), HasSubstr("tier base claims")));
}

TEST(ValidateTest, TheTlsFilesAreBothOrNeither) {
  Config config = Usable();
  config.tls_certificate_file = "/run.pem";
  EXPECT_THAT(Refusal(config), AllOf(HasSubstr("tls_certificate_file"), HasSubstr("/run.pem")));
  config.tls_key_file = "/run.key";
  EXPECT_TRUE(Validate(config).ok());
  config.tls_certificate_file.clear();
  EXPECT_THAT(Refusal(config), AllOf(HasSubstr("tls_key_file"), HasSubstr("/run.key")));
}

}  // namespace
}  // namespace strata
