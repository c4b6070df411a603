// Goal: an adapter's tensors have PEFT's names, shapes and count, in one order. Method: layouts of
// known models.
#include "common/adapter_layout.h"

#include "gtest/gtest.h"

namespace strata {
namespace {

const std::vector<std::string> kSeven = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                         "gate_proj", "up_proj", "down_proj"};

ModelConfig TinyLlama() {
  ModelConfig config;
  config.vocab_size = 32000;
  config.hidden_size = 2048;
  config.intermediate_size = 5632;
  config.num_hidden_layers = 22;
  config.num_attention_heads = 32;
  config.num_key_value_heads = 4;
  config.head_dim = 64;
  return config;
}

TEST(AdapterLayoutTest, TinyLlamaAtRank56HasItsTrueCountOfParameters) {
  EXPECT_EQ(LayoutOf(TinyLlama(), {56, kSeven}).elements, 44'154'880);
}

TEST(AdapterLayoutTest, TensorsFollowOneAnotherWithoutHoles) {
  const AdapterLayout layout = LayoutOf(TinyLlama(), {8, kSeven});
  ASSERT_EQ(layout.tensors.size(), 22u * 7 * 2);
  int64_t offset = 0;
  for (const AdapterTensor& tensor : layout.tensors) {
    EXPECT_EQ(tensor.offset, offset) << tensor.name;
    offset += tensor.elements();
  }
  EXPECT_EQ(offset, layout.elements);
}

TEST(AdapterLayoutTest, NamesAndShapesArePeftsAndAComesBeforeB) {
  const AdapterLayout layout = LayoutOf(TinyLlama(), {8, {"k_proj"}});
  ASSERT_EQ(layout.tensors.size(), 22u * 2);
  const AdapterTensor &a = layout.tensors[2], &b = layout.tensors[3];
  EXPECT_EQ(a.name, "base_model.model.model.layers.1.self_attn.k_proj.lora_A.weight");
  EXPECT_EQ(b.name, "base_model.model.model.layers.1.self_attn.k_proj.lora_B.weight");
  EXPECT_EQ(a.rows, 8);
  EXPECT_EQ(a.columns, 2048);
  EXPECT_EQ(b.rows, 256);
  EXPECT_EQ(b.columns, 8);
}

TEST(AdapterLayoutTest, TheOrderOfTheTargetsDoesNotMatter) {
  const AdapterLayout one = LayoutOf(TinyLlama(), {8, {"up_proj", "q_proj"}});
  const AdapterLayout other = LayoutOf(TinyLlama(), {8, {"q_proj", "up_proj"}});
  ASSERT_EQ(one.tensors.size(), other.tensors.size());
  for (size_t i = 0; i < one.tensors.size(); ++i)
    EXPECT_EQ(one.tensors[i].name, other.tensors[i].name);
}

TEST(AdapterLayoutTest, ATargetThatNoProjectionHasIsNamed) {
  EXPECT_EQ(TargetsOn(TinyLlama(), kSeven).unmatched, "");
  EXPECT_EQ(TargetsOn(TinyLlama(), {"q_proj", "qkv_proj"}).unmatched, "qkv_proj");
}

TEST(AdapterLayoutTest, TheSevenNamesMeanTheFusedProjectionsWhereAModelHasThem) {
  ModelConfig phi = TinyLlama();
  phi.fused_projections = true;
  const std::vector<std::string> fused = {"qkv_proj", "o_proj", "gate_up_proj", "down_proj"};
  EXPECT_EQ(TargetsOn(phi, kSeven).names, fused);
  EXPECT_EQ(TargetsOn(phi, fused).names, fused);
  EXPECT_EQ(TargetsOn(phi, {"v_proj", "k_proj", "q_proj"}).names,
            std::vector<std::string>{"qkv_proj"});
}

TEST(AdapterLayoutTest, APartOfAFusedProjectionAloneIsNoTarget) {
  ModelConfig phi = TinyLlama();
  phi.fused_projections = true;
  EXPECT_EQ(TargetsOn(phi, {"o_proj", "q_proj", "v_proj"}).unmatched, "q_proj");
  EXPECT_EQ(TargetsOn(phi, {"gate_proj"}).unmatched, "gate_proj");
}

TEST(AdapterLayoutTest, LinearWeightsCountTheHeadAndNotTheEmbedding) {
  const int64_t layer = 2048 * 2048 * 2 + 2048 * 256 * 2 + 3 * 2048 * 5632;
  EXPECT_EQ(LinearWeights(TinyLlama()), 22 * layer + 32000 * 2048);
}

}  // namespace
}  // namespace strata
