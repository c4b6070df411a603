// Goal: a branch begins with the same numbers everywhere, drawn as PEFT draws them.
#include "coordinator/plan/initial_adapter.h"

#include <cmath>

#include "gtest/gtest.h"

namespace strata {
namespace {

AdapterLayout SmallLayout() {
  ModelConfig config;
  config.hidden_size = 64;
  config.intermediate_size = 128;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 16;
  return LayoutOf(config, {8, {"q_proj", "down_proj"}});
}

TEST(InitialAdapterTest, FirstHalvesAreUniformInTheirBoundsAndSecondHalvesZero) {
  const AdapterLayout layout = SmallLayout();
  const std::vector<float> adapter = InitialAdapter(layout, 42);
  ASSERT_EQ(static_cast<int64_t>(adapter.size()), layout.elements);
  for (const AdapterTensor& tensor : layout.tensors) {
    const bool is_a = tensor.name.find(".lora_A.") != std::string::npos;
    const double bound = is_a ? 1 / std::sqrt(static_cast<double>(tensor.columns)) : 0;
    double largest = 0, sum = 0;
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      const double value = adapter[tensor.offset + i];
      ASSERT_LE(std::abs(value), bound + 1e-9) << tensor.name;
      largest = std::max(largest, std::abs(value));
      sum += value;
    }
    EXPECT_GE(largest, 0.95 * bound) << tensor.name;
    EXPECT_NEAR(sum / static_cast<double>(tensor.elements()), 0, 0.1 * bound + 1e-9);
  }
}

TEST(InitialAdapterTest, SeedAndNameDecide) {
  const AdapterLayout layout = SmallLayout();
  const std::vector<float> adapter = InitialAdapter(layout, 42);
  EXPECT_EQ(adapter, InitialAdapter(layout, 42));
  EXPECT_NE(adapter, InitialAdapter(layout, 43));
  EXPECT_NE(adapter[layout.tensors[0].offset], adapter[layout.tensors[4].offset]);
}

TEST(InitialAdapterTest, FirstValuesAreGolden) {
  const std::vector<float> adapter = InitialAdapter(SmallLayout(), 42);
  const std::vector<float> golden = {0.0467144847f,  0.0727260113f,  0.0684769452f,
                                     -0.0113063306f, -0.0321233273f, 0.0734962672f};
  for (size_t i = 0; i < golden.size(); ++i) EXPECT_EQ(adapter[i], golden[i]) << i;
}

}  // namespace
}  // namespace strata
