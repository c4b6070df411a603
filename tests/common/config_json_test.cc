// Goal: a base is either read as transformers reads it, or refused by the name of the field that
// would change its mathematics. Method: one field of a good config.json is changed at a time.
#include "common/config_json.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/folder.h"

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
  EXPECT_EQ(config.rope_theta, 10000);
  EXPECT_TRUE(config.tie_word_embeddings);
  EXPECT_EQ(config.dtype, "float32");
}

TEST_F(ConfigJsonTest, TakesTheDefaultsOfTransformersWhereAFieldIsMissing) {
  for (const char* key : {"num_key_value_heads", "rope_theta", "rms_norm_eps", "torch_dtype",
                          "tie_word_embeddings", "hidden_act"})
    base_.Erase("config.json", key);
  const ModelConfig config = ReadModelConfig(base_.path()).value();
  EXPECT_EQ(config.num_key_value_heads, 4);
  EXPECT_EQ(config.rope_theta, 10000);
  EXPECT_EQ(config.rms_norm_eps, 1e-6);
  EXPECT_EQ(config.dtype, "float32");
  EXPECT_FALSE(config.tie_word_embeddings);
}

TEST_F(ConfigJsonTest, ReadsBothSpellingsOfRopeAndDtype) {
  EXPECT_EQ(With("rope_theta", 500000.0).rope_theta, 500000);
  const Json parameters = {{"rope_theta", 20000.0}, {"rope_type", "default"}};
  EXPECT_EQ(With("rope_parameters", parameters).rope_theta, 20000);
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
  Refuses("rope_scaling", {{"rope_type", "llama3"}}, kNotHandled, "rope_scaling.rope_type");
  Refuses("rope_scaling", {{"type", "linear"}}, kNotHandled, "rope_scaling.type");
  Refuses("rope_parameters", {{"rope_type", "yarn"}}, kNotHandled, "rope_parameters.rope_type");
  Refuses("rope_parameters", {{"partial_rotary_factor", 0.5}}, kNotHandled,
          "partial_rotary_factor");
  Refuses("attention_bias", true, kNotHandled, "attention_bias");
  Refuses("mlp_bias", true, kNotHandled, "mlp_bias");
  Refuses("attention_dropout", 0.1, kNotHandled, "attention_dropout");
  Refuses("hidden_act", "gelu", kNotHandled, "hidden_act");
  Refuses("quantization_config", {{"bits", 4}}, kNotHandled, "quantization_config");
  Refuses("sliding_window", 4096, kNotHandled, "sliding_window");
  Refuses("pretraining_tp", 2, kNotHandled, "pretraining_tp");
  Refuses("num_local_experts", 8, kNotHandled, "num_local_experts");
  Refuses("torch_dtype", "int8", kNotHandled, "torch_dtype");
}

TEST_F(ConfigJsonTest, RefusesAnotherArchitectureByItsName) {
  Refuses("architectures", {"Phi3ForCausalLM"}, kNotHandled, "Phi3ForCausalLM");
  Refuses("architectures", Json::array(), kNotHandled, "architectures");
  Refuses("architectures", "LlamaForCausalLM", kNotHandled, "architectures");
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
