// Goal: the card says what was measured, in the form that the Hub reads, whatever names hold.
// Method: cards of made-up versions.
#include "coordinator/export/model_card.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

CardFacts Facts() {
  CardFacts facts;
  facts.version = "v0012";
  facts.adapter_config = {{"base_model_name_or_path", "org/base"},
                          {"r", 56},
                          {"lora_alpha", 112},
                          {"lora_dropout", 0.025},
                          {"target_modules", {"q_proj", "v_proj"}}};
  facts.metadata = {
      {"adapter_name", "antropologia"},
      {"total_examples_trained", 1920},
      {"total_epochs", 36},
      {"trainable_params", 44154880},
      {"last_loss", 2.34821},
      {"best_loss", nullptr},
      {"training_history",
       {{{"dataset", "a|b.jsonl"}, {"examples", 320}, {"epochs", 3}, {"loss", 0.5}}}}};
  return facts;
}

TEST(ModelCardTest, BeginsWithWhatTheHubReads) {
  EXPECT_THAT(ModelCard(Facts()),
              StartsWith("---\nbase_model: \"org/base\"\nbase_model_relation: adapter\n"
                         "library_name: peft\npipeline_tag: text-generation\ntags:\n"));
  CardFacts merged = Facts();
  merged.merged = true;
  EXPECT_THAT(ModelCard(merged), HasSubstr("\nbase_model_relation: finetune\n"
                                           "library_name: transformers\n"));
}

TEST(ModelCardTest, SaysTheMeasuredFigures) {
  const std::string card = ModelCard(Facts());
  EXPECT_THAT(card, HasSubstr("| LoRA rank, alpha, dropout | 56, 112, 0.025 |"));
  EXPECT_THAT(card, HasSubstr("| trained | 1920 examples, 36 epochs over all datasets |"));
  EXPECT_THAT(card, HasSubstr("| training loss, last dataset | 2.3482 |"));
  EXPECT_THAT(card, HasSubstr("--max-lora-rank 64 "));
}

TEST(ModelCardTest, WhatWasNotMeasuredIsNotKnown) {
  EXPECT_THAT(ModelCard(Facts()), HasSubstr("| training loss, lowest of a dataset | not known |"));
}

TEST(ModelCardTest, APathIsNoBaseForTheHub) {
  CardFacts facts = Facts();
  facts.adapter_config["base_model_name_or_path"] = "/home/me/base";
  EXPECT_THAT(ModelCard(facts), Not(HasSubstr("base_model")));
}

TEST(ModelCardTest, ANameCannotBreakOutOfItsPlace) {
  CardFacts facts = Facts();
  facts.metadata["adapter_name"] = "x\n---\n# <b>y";
  const std::string card = ModelCard(facts);
  EXPECT_THAT(card, HasSubstr("\n# x --- # &lt;b>y\n"));
  EXPECT_THAT(card, HasSubstr("| a\\|b.jsonl | 320 | 3 | 0.5000 |"));
}

TEST(ModelCardTest, ABaseIsOneWordForTheShell) {
  CardFacts facts = Facts();
  facts.adapter_config["base_model_name_or_path"] = "/home/me/the base's";
  EXPECT_THAT(ModelCard(facts), HasSubstr("vllm serve '/home/me/the base'\\''s' --enable-lora"));
  EXPECT_THAT(ModelCard(Facts()), HasSubstr("vllm serve org/base --enable-lora"));
}

TEST(ModelCardTest, ARankThatVllmRefusesIsSaid) {
  CardFacts facts = Facts();
  facts.adapter_config["r"] = 513;
  EXPECT_THAT(ModelCard(facts), HasSubstr("vLLM refuses it: rank 513 is more than 512"));
  facts.adapter_config["r"] = 512;
  EXPECT_THAT(ModelCard(facts), Not(HasSubstr("refuses")));
}

TEST(ModelCardTest, VllmIsAskedForARankThatItKnows) {
  EXPECT_EQ(VllmMaxLoraRank(1), 1);
  EXPECT_EQ(VllmMaxLoraRank(2), 8);
  EXPECT_EQ(VllmMaxLoraRank(56), 64);
  EXPECT_EQ(VllmMaxLoraRank(320), 320);
  EXPECT_EQ(VllmMaxLoraRank(513), 513);
}

}  // namespace
}  // namespace strata
