// Goal: a base is either read as transformers reads it, or refused by the name of the field that
// would change its mathematics. Method: one field of a good config.json is changed at a time.
#include "common/config_json.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/base_folder.h"

namespace strata {
namespace {

using testing::HasSubstr;

class ConfigJsonTest : public testing::Test {
 protected:
  ModelConfig With(const std::string& key, const Json& value) {
    base_.Set("config.json", key, value);
    const absl::StatusOr<ModelConfig> config = ReadModelConfig(base_.path());
    EXPECT_TRUE(config.ok()) << config.status();
    return config.value_or(ModelConfig());
  }
  // Expects that the changed config is refused with `code` and a message that has `words`; then
  // undoes the change.
  void Refuses(const std::string& key, const Json& value, absl::StatusCode code,
               const std::string& words) {
    const std::string before = base_.Read("config.json");
    base_.Set("config.json", key, value);
    const absl::Status status = ReadModelConfig(base_.path()).status();
    EXPECT_EQ(status.code(), code) << key << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(words)) << key;
    base_.Write("config.json", before);
  }
  // A config without a model_type, as old ones are.
  void BecomeA(const std::string& architecture) const {
    base_.Erase("config.json", "model_type");
    base_.Set("config.json", "architectures", Json::array({architecture}));
  }
  BaseFolder base_;
};

constexpr auto kNotHandled = absl::StatusCode::kFailedPrecondition;
constexpr auto kBroken = absl::StatusCode::kDataLoss;

TEST_F(ConfigJsonTest, ReadsEverySize) {
  const ModelConfig config = With("rms_norm_eps", 1e-5);
  EXPECT_EQ(config.architecture, "LlamaForCausalLM");
  EXPECT_EQ(config.hidden_size, 16);
  EXPECT_EQ(config.intermediate_size, 40);
  EXPECT_EQ(config.num_hidden_layers, 2);
  EXPECT_EQ(config.num_attention_heads, 4);
  EXPECT_EQ(config.num_key_value_heads, 2);
  EXPECT_EQ(config.head_dim, 4);
  EXPECT_EQ(config.max_position_embeddings, 512);
  EXPECT_EQ(config.rms_norm_eps, 1e-5);
  EXPECT_EQ(config.rope.theta, 10000);
  EXPECT_TRUE(config.tie_word_embeddings);
  EXPECT_EQ(config.dtype, "float32");
}

TEST_F(ConfigJsonTest, TakesTheDefaultsOfTransformersWhereAFieldIsMissing) {
  for (const char* key : {"num_key_value_heads", "rope_theta", "rms_norm_eps", "torch_dtype",
                          "tie_word_embeddings", "hidden_act"})
    base_.Erase("config.json", key);
  const ModelConfig config = ReadModelConfig(base_.path()).value();
  EXPECT_EQ(config.num_key_value_heads, 4);
  EXPECT_EQ(config.rope.theta, 10000);
  EXPECT_EQ(config.rms_norm_eps, 1e-6);
  EXPECT_EQ(config.dtype, "float32");
  EXPECT_FALSE(config.tie_word_embeddings);
}

TEST_F(ConfigJsonTest, ReadsBothSpellingsOfRopeAndDtype) {
  EXPECT_EQ(With("rope_theta", 500000.0).rope.theta, 500000);
  const Json parameters = {{"rope_theta", 20000.0}, {"rope_type", "default"}};
  EXPECT_EQ(With("rope_parameters", parameters).rope.theta, 20000);
  EXPECT_EQ(With("torch_dtype", "bfloat16").dtype, "bfloat16");
  EXPECT_EQ(With("dtype", "float16").dtype, "float16");
}

TEST_F(ConfigJsonTest, TakesAHeadDimThatHiddenSizeDoesNotGive) {
  EXPECT_EQ(With("head_dim", 8).head_dim, 8);
}

TEST_F(ConfigJsonTest, TakesNullAsMissing) {
  for (const char* key : {"rope_scaling", "quantization_config", "sliding_window", "attention_bias",
                          "head_dim", "rope_parameters"})
    EXPECT_EQ(With(key, nullptr).hidden_size, 16) << key;
}

TEST_F(ConfigJsonTest, RefusesByNameWhatWouldChangeTheMathematics) {
  Refuses("rope_scaling", {{"rope_type", "yarn"}, {"factor", 4}}, kNotHandled,
          "rope_scaling: rope_type is \"yarn\"");
  Refuses("rope_scaling", {{"type", "dynamic"}, {"factor", 2}}, kNotHandled, "type is \"dynamic\"");
  Refuses("rope_parameters", {{"rope_type", "magic"}}, kNotHandled, "rope_type is \"magic\"");
  Refuses("rope_parameters", {{"partial_rotary_factor", 0.5}}, kNotHandled,
          "partial_rotary_factor");
  Refuses("rope_parameters", {{"full_attention", {{"rope_theta", 1e6}}}}, kNotHandled,
          "full_attention");
  Refuses("partial_rotary_factor", 0.5, kNotHandled, "partial_rotary_factor");
  Refuses("attention_dropout", 0.1, kNotHandled, "attention_dropout");
  Refuses("hidden_act", "gelu", kNotHandled, "hidden_act");
  Refuses("quantization_config", {{"bits", 4}}, kNotHandled, "quantization_config");
  Refuses("vision_config", Json::object(), kNotHandled, "vision_config");
  Refuses("sliding_window", 4096, kNotHandled, "sliding_window");
  Refuses("layer_types", {"full_attention", "sliding_attention"}, kNotHandled, "layer_types");
  Refuses("is_causal", false, kNotHandled, "is_causal");
  Refuses("quantization", {{"bits", 4}}, kNotHandled, "quantization");
  Refuses("rope_parameters", {{"mrope_section", {8, 8}}}, kNotHandled, "mrope_section");
  Refuses("layer_types", "sliding", kNotHandled, "layer_types");
  Refuses("pretraining_tp", 2, kNotHandled, "pretraining_tp");
  Refuses("num_local_experts", 8, kNotHandled, "num_local_experts");
  Refuses("torch_dtype", "int8", kNotHandled, "torch_dtype");
}

TEST_F(ConfigJsonTest, RefusesAModelTypeOfAnotherArchitecture) {
  Refuses("model_type", "granite", kNotHandled, "model_type is granite");
  Refuses("architectures", Json::array({"Qwen2ForCausalLM"}), kNotHandled, "model_type is llama");
}

TEST_F(ConfigJsonTest, AnEmptyRopeScalingHidesNoRopeParameters) {
  base_.Set("config.json", "rope_parameters", {{"rope_type", "linear"}, {"factor", 3}});
  EXPECT_EQ(With("rope_scaling", Json::object()).rope.factor, 3);
}

TEST_F(ConfigJsonTest, RefusesWhatItsFamilyDoesNotHave) {
  const auto of = [&](const std::string& architecture) { BecomeA(architecture); };
  of("Qwen2ForCausalLM");
  Refuses("attention_bias", true, kNotHandled, "attention_bias");
  of("MistralForCausalLM");
  Refuses("attention_bias", true, kNotHandled, "attention_bias");
  Refuses("final_logit_softcapping", 30, kNotHandled, "final_logit_softcapping");
  of("Phi3ForCausalLM");
  Refuses("resid_pdrop", 0.1, kNotHandled, "resid_pdrop");
  of("Gemma3ForCausalLM");
  Refuses("use_bidirectional_attention", true, kNotHandled, "use_bidirectional_attention");
  Refuses("attn_logit_softcapping", 50, kNotHandled, "attn_logit_softcapping");
  Refuses("layer_types", {"full_attention", "chunked_attention"}, kNotHandled, "layer_types");
}

TEST_F(ConfigJsonTest, RefusesAnotherArchitectureByItsName) {
  for (const char* other : {"MixtralForCausalLM", "Gemma3ForConditionalGeneration",
                            "DeepseekV3ForCausalLM", "GPT2LMHeadModel"})
    Refuses("architectures", Json::array({other}), kNotHandled, other);
  Refuses("architectures", Json::array({"Qwen3MoeForCausalLM"}), kNotHandled,
          "it handles Gemma2ForCausalLM, Gemma3ForCausalLM, LlamaForCausalLM");
  Refuses("architectures", Json::array(), kNotHandled, "architectures");
  Refuses("architectures", "LlamaForCausalLM", kNotHandled, "architectures");
}

TEST_F(ConfigJsonTest, TakesTheDefaultsOfItsFamily) {
  for (const char* key : {"num_key_value_heads", "rms_norm_eps", "tie_word_embeddings"})
    base_.Erase("config.json", key);
  BecomeA("Gemma2ForCausalLM");
  const ModelConfig gemma = ReadModelConfig(base_.path()).value();
  EXPECT_EQ(gemma.head_dim, 256);
  EXPECT_TRUE(gemma.tie_word_embeddings);
  EXPECT_EQ(gemma.attention_softcap, 50);
  EXPECT_EQ(gemma.final_softcap, 30);
  EXPECT_EQ(gemma.windows, (std::vector<int64_t>{4096, 0}));
  BecomeA("Phi3ForCausalLM");
  const ModelConfig phi = ReadModelConfig(base_.path()).value();
  EXPECT_EQ(phi.num_key_value_heads, 4);
  EXPECT_EQ(phi.rms_norm_eps, 1e-5);
  EXPECT_TRUE(phi.windows.empty());
  EXPECT_TRUE(phi.fused_projections);
}

TEST_F(ConfigJsonTest, TakesANullAsNoWindowAndNoCapWhereTheDefaultIsOne) {
  BecomeA("Gemma2ForCausalLM");
  EXPECT_EQ(With("attn_logit_softcapping", nullptr).attention_softcap, 0);
  EXPECT_TRUE(With("sliding_window", nullptr).windows.empty());
}

TEST_F(ConfigJsonTest, ReadsAWindowOnlyWhereItIsUsed) {
  BecomeA("Qwen2ForCausalLM");
  EXPECT_TRUE(With("sliding_window", 8).windows.empty());
  base_.Set("config.json", "use_sliding_window", true);
  EXPECT_TRUE(With("max_window_layers", 2).windows.empty());
  EXPECT_EQ(With("max_window_layers", 1).windows, (std::vector<int64_t>{0, 8}));
  EXPECT_EQ(With("max_window_layers", 0).windows, (std::vector<int64_t>{8, 8}));
}

TEST_F(ConfigJsonTest, RefusesRotaryFactorsThatCannotBe) {
  BecomeA("Phi3ForCausalLM");
  Json rope = {{"type", "longrope"}, {"short_factor", {1, 1}}, {"long_factor", {1, 1, 1}}};
  Refuses("rope_scaling", rope, kBroken, "long_factor has 3 factors");
  rope["long_factor"] = {1, -1};
  Refuses("rope_scaling", rope, kBroken, "long_factor holds");
  rope.erase("long_factor");
  Refuses("rope_scaling", rope, kBroken, "no long_factor");
  Refuses("rope_scaling", {{"type", "linear"}, {"factor", 2}}, kNotHandled, "linear");
  BecomeA("LlamaForCausalLM");
  Refuses("rope_scaling", {{"type", "linear"}}, kBroken, "no factor");
  Refuses("rope_scaling", {{"type", "llama3"}, {"factor", 8}}, kBroken, "no low_freq_factor");
}

TEST_F(ConfigJsonTest, RefusesSizesThatCannotBe) {
  Refuses("hidden_size", 0, kBroken, "hidden_size");
  Refuses("hidden_size", -16, kBroken, "hidden_size");
  Refuses("hidden_size", "16", kBroken, "hidden_size");
  Refuses("vocab_size", int64_t{1} << 40, kBroken, "vocab_size");
  Refuses("hidden_size", 18, kBroken, "hidden_size 18");
  Refuses("head_dim", 3, kBroken, "head_dim 3");
  Refuses("head_dim", 1 << 23, kBroken, "head_dim");
  Refuses("num_key_value_heads", 3, kBroken, "num_key_value_heads 3");
  Refuses("num_hidden_layers", 5000, kBroken, "num_hidden_layers 5000");
  Refuses("rope_theta", -1.0, kBroken, "rope_theta");
}

TEST_F(ConfigJsonTest, SaysWhatToDoWhenThereIsNoBase) {
  std::filesystem::remove(base_.path() / "config.json");
  const absl::Status status = ReadModelConfig(base_.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("model_name_or_path"));
}

TEST_F(ConfigJsonTest, NamesTheFileThatIsNotJson) {
  for (const char* text : {"", "{", "[]", "\xff", "3"}) {
    base_.Write("config.json", text);
    const absl::Status status = ReadModelConfig(base_.path()).status();
    EXPECT_EQ(status.code(), kBroken) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("config.json")) << text;
  }
}

}  // namespace
}  // namespace strata
