// Goal: weights are read in each dtype that a base may have, and others are refused by name.
// Method: the bits of 1.5, -2 and 1 + 2^-7 in each dtype, laid at an odd address as safetensors
// may.
#include "worker/model/frozen_weight.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <stdexcept>

namespace strata {
namespace {

using ::testing::HasSubstr;

class OneWeight : public WeightSource {
 public:
  template <typename Word>
  OneWeight(const std::string& dtype, const std::vector<Word>& words) : dtype_(dtype) {
    bytes_.resize(1 + words.size() * sizeof(Word));
    std::memcpy(bytes_.data() + 1, words.data(), words.size() * sizeof(Word));
  }
  WeightView Get(const std::string&) const override { return {dtype_, {3}, bytes_.data() + 1}; }
  bool Has(const std::string&) const override { return true; }

 private:
  std::string dtype_, bytes_;
};

at::Tensor Read(const WeightSource& source, at::ScalarType compute) {
  return FrozenWeight(source, "some.weight", {3}, {compute, at::kCPU});
}

const OneWeight kFloat32("F32", std::vector<uint32_t>{0x3FC00000, 0xC0000000, 0x3F810000});
const OneWeight kBfloat16("BF16", std::vector<uint16_t>{0x3FC0, 0xC000, 0x3F81});
const OneWeight kFloat16("F16", std::vector<uint16_t>{0x3E00, 0xC000, 0x3C08});

TEST(FrozenWeightTest, ReadsEachDtypeOfTheDisk) {
  const at::Tensor expected = at::tensor({1.5, -2.0, 1.0078125}, at::kFloat);
  for (const at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
    EXPECT_TRUE(at::equal(Read(kFloat32, compute), expected.to(compute))) << compute;
    EXPECT_TRUE(at::equal(Read(kBfloat16, compute), expected.to(compute))) << compute;
    EXPECT_TRUE(at::equal(Read(kFloat16, compute), expected.to(compute))) << compute;
  }
}

TEST(FrozenWeightTest, TakesNoGradient) {
  EXPECT_FALSE(Read(kBfloat16, at::kFloat).requires_grad());
}

std::string Refusal(const WeightSource& source, const std::vector<int64_t>& shape) {
  try {
    FrozenWeight(source, "some.weight", shape, {});
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(FrozenWeightTest, NamesAWeightWhoseDtypeIsNoFloat) {
  const OneWeight whole("I32", std::vector<uint32_t>{1, 2, 3});
  EXPECT_THAT(Refusal(whole, {3}), HasSubstr("some.weight has dtype I32"));
}

TEST(FrozenWeightTest, TellsBothShapesWhenTheyDiffer) {
  EXPECT_THAT(Refusal(kFloat32, {1, 3}), HasSubstr("found [3], expected [1, 3]"));
}

}  // namespace
}  // namespace strata
