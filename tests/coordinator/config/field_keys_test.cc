// Goal: whoever mistypes a key or brings one from another trainer is told what to write.
#include "coordinator/config/field_keys.h"

#include "coordinator/config/branch_yaml.h"
#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::HasSubstr;

TEST(NearestKeyTest, CountsEditsAndSwaps) {
  const std::vector<std::string> known = KnownKeys();
  EXPECT_EQ(NearestKey("learning_rat", known), "learning_rate");
  EXPECT_EQ(NearestKey("laerning_rate", known), "learning_rate");
  EXPECT_EQ(NearestKey("lora_aplha", known), "lora_alpha");
  EXPECT_EQ(NearestKey("max_lenght", known), "max_length");
  EXPECT_EQ(NearestKey("Seed", known), "seed");
  EXPECT_EQ(NearestKey("ab", {"ba", "abc"}), "ba");
}

TEST(NearestKeyTest, EndsForAnyKey) {
  EXPECT_EQ(NearestKey("", {"b"}), "b");
  EXPECT_FALSE(NearestKey(std::string(100000, 'x'), KnownKeys()).empty());
}

TEST(MeantKeyTest, IsTheNearestWhenFewLettersDiffer) {
  const std::vector<std::string> known = KnownKeys();
  EXPECT_EQ(MeantKey("lora_aplha", known), "lora_alpha");
  EXPECT_EQ(MeantKey("lorar", known), "lora_r");
  EXPECT_EQ(MeantKey("sed", known), "seed");
}

TEST(MeantKeyTest, IsOneThatHoldsWhatIsOnlyAPart) {
  EXPECT_EQ(MeantKey("epochs", KnownKeys()), "num_train_epochs");
  EXPECT_EQ(MeantKey("dropout", KnownKeys()), "lora_dropout");
}

TEST(MeantKeyTest, OfAnotherWordIsNone) {
  for (const char* key : {"optimizer", "fp16", "x", "deepspeed", "xxxxxxxxxxxxxxxx"}) {
    EXPECT_EQ(MeantKey(key, KnownKeys()), "") << key;
  }
  EXPECT_EQ(MeantKey(std::string(100000, 'x'), KnownKeys()), "");
  EXPECT_THAT(UnusableKeyReason("deepspeed", KnownKeys()),
              testing::AllOf(HasSubstr("strata config"), testing::Not(HasSubstr("nearest"))));
}

TEST(UnusableKeyReasonTest, NoKeyOfOursIsRefused) {
  for (const std::string& key : KnownKeys()) {
    EXPECT_THAT(UnusableKeyReason(key, KnownKeys()), HasSubstr("not a known key")) << key;
  }
}

TEST(AliasTest, EveryAliasIsOfAKeyOfOursAndNoneIsOne) {
  const std::vector<std::string> known = KnownKeys();
  for (const Alias& alias : Aliases()) {
    EXPECT_THAT(known, testing::Contains(std::string(alias.ours))) << alias.theirs;
    EXPECT_THAT(known, testing::Not(testing::Contains(std::string(alias.theirs))));
    ASSERT_NE(AliasOf(alias.theirs), nullptr);
    EXPECT_EQ(AliasOf(alias.theirs)->ours, alias.ours);
  }
}

TEST(AliasTest, OnlyTrainOnInputsMeansTheOpposite) {
  for (const Alias& alias : Aliases()) {
    EXPECT_EQ(alias.inverse, alias.theirs == "train_on_inputs") << alias.theirs;
  }
  EXPECT_EQ(AliasOf("lora_r"), nullptr);
  EXPECT_EQ(AliasOf(""), nullptr);
}

TEST(UnusableKeyReasonTest, AnotherKeyOfTheFieldIsNotYetSupported) {
  for (const char* key : {"load_in_4bit", "bnb_4bit_quant_type", "init_lora_weights"}) {
    EXPECT_THAT(UnusableKeyReason(key, KnownKeys()),
                HasSubstr("known in the field, not supported by this version"));
  }
}

}  // namespace
}  // namespace strata
