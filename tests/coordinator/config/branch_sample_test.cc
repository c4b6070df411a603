// Goal: the keys of branch.yaml change only on purpose, and deploy/branch.sample.yaml tells the
// truth about each. Method: the frozen list of keys, and the sample loaded as a branch of its own.
#include <algorithm>
#include <sstream>

#include "coordinator/config/branch_sample.h"
#include "coordinator/config/field_keys.h"
#include "gmock/gmock.h"
#include "tests/coordinator/config/branch_folder.h"

namespace strata {
namespace {

std::vector<std::string> SampleLines() {
  std::ifstream in(STRATA_BRANCH_SAMPLE);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(BranchSampleTest, KeysAreFrozen) {
  EXPECT_THAT(
      KnownKeys(),
      testing::ElementsAre(
          "adam_beta1", "adam_beta2", "adam_epsilon", "assistant_only_loss", "backup_mirror",
          "base_model_name", "changed_datasets", "chat_template", "completion_only_loss",
          "datasets", "ddp_timeout", "device", "dtype", "early_stopping_patience", "eval_steps",
          "excess_length_strategy", "global_batch_size", "gpu_memory_gb", "gradient_checkpointing",
          "hostfile", "hosts", "keep_backups", "launcher", "learning_rate", "listen", "log_format",
          "logging_dir", "lora_alpha", "lora_dropout", "lora_r", "lora_target_modules",
          "loraplus_lr_ratio", "loss_watchdog_patience", "loss_watchdog_threshold",
          "lr_decay_ratio", "lr_decay_type", "lr_scheduler_type", "max_grad_norm", "max_length",
          "max_nonfinite_steps", "max_restarts", "max_steps", "metrics_file", "metrics_port",
          "micro_batch_size", "min_lr_rate", "min_workers", "model_name_or_path", "mpirun",
          "mpirun_args", "name", "neftune_noise_alpha", "network_interface", "num_train_epochs",
          "on_dataset_error", "packing", "report_to", "save_minutes", "save_steps", "sbatch_args",
          "seed", "slurm_template", "srun_args", "tiers", "tls_certificate_file", "tls_key_file",
          "use_rslora", "val_set_size", "warmup_ratio", "warmup_steps", "weight_decay",
          "worker_env", "workers"));
}

TEST(BranchSampleTest, NamesEveryAlias) {
  std::string comments;
  for (const std::string& line : SampleLines())
    if (line.starts_with("#")) comments += line + "\n";
  for (const Alias& alias : Aliases())
    EXPECT_THAT(comments, testing::HasSubstr(std::string(alias.theirs))) << alias.theirs;
}

TEST(BranchSampleTest, ListsEveryKeyUnderAComment) {
  const std::vector<std::string> lines = SampleLines();
  for (const std::string& key : KnownKeys()) {
    const auto at = std::find_if(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.starts_with(key + ":");
    });
    ASSERT_NE(at, lines.end()) << key;
    ASSERT_NE(at, lines.begin()) << key;
    // adam_beta2 shares its comment with the key before it.
    EXPECT_TRUE((at - 1)->starts_with("# ") || key == "adam_beta2") << key;
  }
}

TEST(BranchSampleTest, KeysStandInTheOrderOfTheTable) {
  std::vector<std::string> in_file, in_table;
  for (const std::string& line : SampleLines()) {
    const bool is_key = !line.empty() && line[0] != '#' && line[0] != ' ';
    if (is_key) in_file.push_back(line.substr(0, line.find(':')));
  }
  for (const auto& [key, value] : EffectiveValues(Config())) in_table.push_back(key);
  EXPECT_EQ(in_file, in_table);
}

TEST(BranchSampleTest, TheProgramHasTheFileAsItIs) {
  std::ostringstream sample;
  sample << std::ifstream(STRATA_BRANCH_SAMPLE).rdbuf();
  EXPECT_EQ(BranchSample(), sample.str());
}

TEST(SampleCommentTest, EveryKeyHasSentencesOfItsOwn) {
  for (const std::string& key : KnownKeys()) {
    const std::vector<std::string> paragraphs = SampleComment(key);
    ASSERT_FALSE(paragraphs.empty()) << key;
    EXPECT_THAT(paragraphs[0], testing::Not(testing::HasSubstr("----"))) << key;
  }
}

TEST(SampleCommentTest, JoinsLinesAndKeepsExamplesApart) {
  EXPECT_THAT(
      SampleComment("lora_alpha"),
      testing::ElementsAre("Strength: the update is scaled by lora_alpha / lora_r. Twice the "
                           "rank is common."));
  EXPECT_THAT(
      SampleComment("datasets"),
      testing::ElementsAre("What single files have of their own, for example",
                           testing::StartsWith("  - {file:"), testing::StartsWith("  - {file:")));
  EXPECT_EQ(SampleComment("adam_beta2"), SampleComment("adam_beta1"));
  EXPECT_TRUE(SampleComment("lora").empty());
  EXPECT_TRUE(SampleComment("").empty());
}

TEST(BranchSampleTest, TheCommentsTellEveryChoice) {
  for (const KeyInfo& key : DescribeKeys()) {
    std::string comment;
    for (const std::string& paragraph : SampleComment(key.key)) comment += paragraph + " ";
    const bool is_switch = key.allowed == "true or false";
    for (const std::string& choice : key.choices) {
      if (is_switch || choice == "\"\"") continue;
      EXPECT_THAT(comment, testing::HasSubstr(choice)) << key.key;
    }
  }
}

TEST(BranchSampleTest, ValuesAreTheDefaults) {
  const BranchFolder branch;
  const auto defaults = branch.Load("");
  std::ostringstream sample;
  sample << std::ifstream(STRATA_BRANCH_SAMPLE).rdbuf();
  branch.Write(sample.str());
  const auto config = LoadConfig(branch.path(), {});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(EffectiveValues(*config), EffectiveValues(*defaults));
  EXPECT_EQ(*config, *defaults);
}

}  // namespace
}  // namespace strata
