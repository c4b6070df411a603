// Goal: leaves, values and gradients are one memory, and an adapter of another size is refused.
// Method: a layout of three tensors, written through one view and read through the others.
#include "worker/train/flat_adapter.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace strata {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

AdapterLayout ThreeTensors() {
  return {{{"first", 2, 3, 0}, {"second", 3, 1, 6}, {"third", 1, 2, 9}}, 11};
}

std::vector<float> Counted(int64_t count) {
  const at::Tensor values_N = at::arange(1, count + 1, at::kFloat);
  return {values_N.const_data_ptr<float>(), values_N.const_data_ptr<float>() + count};
}

class FlatAdapterTest : public ::testing::Test {
 protected:
  FlatAdapter adapter_{ThreeTensors(), at::kCPU};
};

TEST_F(FlatAdapterTest, BeginsAtZero) {
  EXPECT_EQ(adapter_.Values(), std::vector<float>(11, 0));
  EXPECT_EQ(adapter_.reduced_M().numel(), 11 + FlatAdapter::kControlWords);
  EXPECT_EQ(adapter_.reduced_M().abs().sum().item<float>(), 0);
}

TEST_F(FlatAdapterTest, GivesEachLeafItsPartOfTheValues) {
  adapter_.Load(Counted(11));
  ASSERT_EQ(adapter_.leaves().size(), 3u);
  EXPECT_THAT(adapter_.leaves()[0].sizes(), ElementsAre(2, 3));
  EXPECT_EQ(adapter_.leaves()[0][1][0].item<float>(), 4);
  EXPECT_EQ(adapter_.leaves()[1][2][0].item<float>(), 9);
  EXPECT_EQ(adapter_.leaves()[2][0][0].item<float>(), 10);
  EXPECT_EQ(adapter_.Values(), Counted(11));
}

TEST_F(FlatAdapterTest, ShowsAnUpdateOfTheValuesToTheLeaves) {
  adapter_.values_N().fill_(3);
  for (const at::Tensor& leaf : adapter_.leaves()) {
    EXPECT_TRUE(leaf.is_leaf() && leaf.requires_grad());
    EXPECT_EQ(leaf.sum().item<float>(), 3 * static_cast<float>(leaf.numel()));
  }
}

TEST_F(FlatAdapterTest, AccumulatesBackwardPassesInTheFlatGradients) {
  for (int pass = 0; pass < 2; ++pass) (adapter_.leaves()[1] * 2.5).sum().backward();
  adapter_.control_words().fill_(7);
  const float* reduced = adapter_.reduced_M().const_data_ptr<float>();
  const std::vector<float> words(reduced, reduced + adapter_.reduced_M().numel());
  EXPECT_THAT(words, ElementsAre(0, 0, 0, 0, 0, 0, 5, 5, 5, 0, 0, 7, 7, 7, 7, 7));
  EXPECT_EQ(adapter_.gradients_N().data_ptr(), adapter_.reduced_M().data_ptr());
}

TEST_F(FlatAdapterTest, AccumulatesAgainAfterTheGradientsAreZeroed) {
  adapter_.leaves()[0].sum().backward();
  adapter_.gradients_N().zero_();
  adapter_.leaves()[2].sum().backward();
  EXPECT_EQ(adapter_.gradients_N().sum().item<float>(), 2);
  EXPECT_EQ(adapter_.gradients_N()[10].item<float>(), 1);
}

TEST_F(FlatAdapterTest, RefusesAnotherNumberOfValues) {
  adapter_.Load(Counted(11));
  for (const int64_t count : {0, 10, 12}) {
    try {
      adapter_.Load(Counted(count));
      FAIL() << count << " values were taken";
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr(std::to_string(count) + ", expected 11"));
    }
  }
  EXPECT_EQ(adapter_.Values(), Counted(11));
}

TEST(FlatAdapterOfNothingTest, HoldsTheControlWordsAlone) {
  FlatAdapter adapter({}, at::kCPU);
  adapter.Load({});
  EXPECT_TRUE(adapter.Values().empty());
  EXPECT_EQ(adapter.reduced_M().numel(), FlatAdapter::kControlWords);
}

}  // namespace
}  // namespace strata
