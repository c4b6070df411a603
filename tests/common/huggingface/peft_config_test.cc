// Goal: what PEFT writes about plain LoRA is understood, and every other kind is refused by its
// key. Method: the keys that PEFT 0.21 writes, one changed each time.
#include "common/huggingface/peft_config.h"

#include <cmath>

#include "common/json.h"
#include "gmock/gmock.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// As save_pretrained writes it.
constexpr char kWritten[] =
    R"({"alora_invocation_tokens":null,"alpha_pattern":{},"arrow_config":null,"auto_mapping":null,
"base_model_name_or_path":"org/base","bias":"none","corda_config":null,"ensure_weight_tying":false,
"eva_config":null,"exclude_modules":null,"fan_in_fan_out":false,"inference_mode":true,
"init_lora_weights":true,"kasa_config":null,"layer_replication":null,"layers_pattern":null,
"layers_to_transform":null,"loftq_config":{},"lora_alpha":16,"lora_bias":false,"lora_dropout":0.1,
"lora_ga_config":null,"megatron_config":null,"megatron_core":"megatron.core","modules_to_save":null,
"monteclora_config":null,"peft_type":"LORA","peft_version":"0.21.2","qalora_group_size":16,"r":8,
"rank_pattern":{},"revision":null,"target_modules":"all-linear","target_parameters":null,
"task_type":"CAUSAL_LM","trainable_token_indices":null,"use_bdlora":null,"use_dora":false,
"use_qalora":false,"use_rslora":false,"velora_config":null})";

class PeftConfigTest : public testing::Test {
 protected:
  absl::StatusOr<PeftConfig> With(const char* key, const Json& value) const {
    Json json = ParseJson(kWritten, "").value();
    json[key] = value;
    folder_.Write("adapter_config.json", DumpJson(json));
    return ReadPeftConfig(folder_.path());
  }
  void ExpectRefused(const char* key, const Json& value) const {
    const absl::Status refused = With(key, value).status();
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << key << ": " << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(std::string(" has ") + key + ": "));
  }
  Folder folder_;
};

TEST_F(PeftConfigTest, ReadsWhatSavePretrainedWrites) {
  const auto config = With("r", 8);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->r, 8u);
  EXPECT_EQ(config->PlainAlpha(), 16);
  EXPECT_EQ(config->lora_dropout, 0.1);
  EXPECT_EQ(config->base_model_name, "org/base");
  EXPECT_THAT(config->unknown_set, IsEmpty());
}

TEST_F(PeftConfigTest, RsLoraIsFoldedIntoAlpha) {
  const auto config = With("use_rslora", true);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->PlainAlpha(), 16 * std::sqrt(8.0));
}

TEST_F(PeftConfigTest, WhatIsNotPlainLoraIsRefusedByItsKey) {
  ExpectRefused("peft_type", "IA3");
  ExpectRefused("task_type", "SEQ_CLS");
  ExpectRefused("bias", "lora_only");
  ExpectRefused("use_dora", true);
  ExpectRefused("rank_pattern", {{"q_proj", 4}});
  ExpectRefused("alpha_pattern", {{"q_proj", 4}});
  ExpectRefused("modules_to_save", {"lm_head"});
  ExpectRefused("lora_bias", true);
  ExpectRefused("trainable_token_indices", {1, 2});
  ExpectRefused("layer_replication", {{0, 2}});
  ExpectRefused("target_parameters", {"experts"});
  ExpectRefused("init_lora_weights", "pissa_niter_16");
  ExpectRefused("init_lora_weights", "olora");
}

TEST_F(PeftConfigTest, HowItWasMadeIsNoReasonToRefuse) {
  for (const char* init : {"gaussian", "eva", "orthogonal"})
    EXPECT_TRUE(With("init_lora_weights", init).ok()) << init;
  EXPECT_TRUE(With("target_modules", ".*_proj").ok());
  EXPECT_TRUE(With("layers_to_transform", {0, 1}).ok());
  EXPECT_TRUE(With("modules_to_save", Json::array()).ok());
}

TEST_F(PeftConfigTest, AKeyOfTheFutureIsNamed) {
  EXPECT_THAT(With("use_lora_of_2030", true)->unknown_set, ElementsAre("use_lora_of_2030"));
  EXPECT_THAT(With("use_lora_of_2030", nullptr)->unknown_set, IsEmpty());
}

TEST_F(PeftConfigTest, RankAndAlphaMustBeNumbersAboveZero) {
  for (const Json& value : {Json(0), Json(-1), Json("8"), Json(1e30), Json()}) {
    EXPECT_TRUE(absl::IsDataLoss(With("r", value).status())) << DumpJson(value);
    EXPECT_TRUE(absl::IsDataLoss(With("lora_alpha", value).status())) << DumpJson(value);
  }
}

TEST_F(PeftConfigTest, AFolderWithoutItIsNoAdapters) {
  const absl::Status refused = ReadPeftConfig(folder_.path()).status();
  EXPECT_TRUE(absl::IsNotFound(refused)) << refused;
  folder_.Write("adapter_config.json", "[");
  EXPECT_TRUE(absl::IsDataLoss(ReadPeftConfig(folder_.path()).status()));
}

}  // namespace
}  // namespace strata
