// Goal: keys that other trainers call otherwise are read as ours, as strictly, and once.
#include "coordinator/config/branch_yaml.h"
#include "gmock/gmock.h"
#include "tests/coordinator/config/branch_folder.h"

namespace strata {
namespace {

using testing::HasSubstr;

class AliasKeysTest : public testing::Test {
 protected:
  std::string MessageOf(const std::string& more) { return branch_.MessageOf(more); }
  BranchFolder branch_;
};

TEST_F(AliasKeysTest, AnAliasStandsForOurKey) {
  const auto ours = branch_.Load(
      "lora_r: 8\nlora_target_modules: [q_proj]\nmax_length: 64\npacking: false\n"
      "completion_only_loss: false\nglobal_batch_size: 2\nmicro_batch_size: 1\n"
      "num_train_epochs: 5\nlr_scheduler_type: linear\nval_set_size: 0.1\n");
  const std::string aliases =
      "base_model: base\nlora_rank: 8\nlora_target: [q_proj]\nsequence_len: 64\nsample_packing: "
      "false\ntrain_on_inputs: true\ntrain_batch_size: 2\nper_device_train_batch_size: 1\n"
      "num_epochs: 5\nlr_scheduler: linear\nval_size: 0.1\n";
  branch_.Write(aliases);
  const auto theirs = LoadConfig(branch_.path(), {});
  ASSERT_TRUE(ours.ok() && theirs.ok()) << ours.status() << theirs.status();
  EXPECT_EQ(*theirs, *ours);
  EXPECT_EQ(branch_.Load("", {"cutoff_len=64"})->max_length, 64);
  EXPECT_EQ(branch_.Load("max_length: 16\n", {"max_seq_length=64"})->max_length, 64);
  EXPECT_EQ(branch_.Load("tiers: [{name: a, num_epochs: 7}]\n")->tiers[0].num_train_epochs, 7);
}

TEST_F(AliasKeysTest, AnAliasIsReadAsStrictlyAsOurKeyAndUnderItsOwnName) {
  EXPECT_THAT(MessageOf("lora_rank: 0\n"),
              HasSubstr(":2: lora_rank must be a whole number from 1"));
  EXPECT_THAT(MessageOf("train_on_inputs: 1\n"),
              HasSubstr(":2: train_on_inputs must be true or false, is 1"));
  EXPECT_THAT(MessageOf("tiers: [{name: a, base_model: b}]\n"),
              HasSubstr("tiers[0].base_model is not a known key"));
}

TEST_F(AliasKeysTest, OneSettingUnderTwoNamesIsRefusedWithBothLines) {
  EXPECT_THAT(MessageOf("max_length: 64\nseed: 1\nsequence_len: 64\n"),
              HasSubstr(":4: sequence_len is the same setting as max_length on line 2; keep one"));
  EXPECT_THAT(MessageOf("cutoff_len: 64\nsequence_len: 64\n"),
              HasSubstr(":3: sequence_len is the same setting as cutoff_len on line 2"));
  EXPECT_THAT(
      MessageOf("tiers:\n- name: a\n  num_epochs: 2\n  num_train_epochs: 2\n"),
      HasSubstr(":5: tiers[0].num_train_epochs is the same setting as num_epochs on line 4"));
}

}  // namespace
}  // namespace strata
