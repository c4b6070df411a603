// Goal: a mask is a function of what it is for. Method: the vectorised masks against Philox one by
// one, and masks of parts against the same parts of the mask of the whole; the CUDA kernel's text
// run on the CPU, and compiled by NVRTC.
#include "worker/model/keyed_dropout.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "common/keyed_random.h"
#ifdef STRATA_WITH_CUDA
#include "worker/model/keep_mask_kernel.h"
#endif

namespace strata {
namespace {

std::vector<TokenPlace> Places(uint32_t rows, uint32_t tokens) {
  std::vector<TokenPlace> places;
  for (uint32_t row = 0; row < rows; ++row)
    for (uint32_t t = 0; t < tokens; ++t) places.push_back({row, t});
  return places;
}

TEST(KeyedDropoutTest, KeepsTheShareAskedFor) {
  const DropoutRate rate = QuantisedRate(0.1);
  const at::Tensor mask = KeepMask({7, 3}, rate, Places(4, 100), 1000);
  EXPECT_NEAR(mask.to(at::kDouble).mean().item<double>(), 0.9, 0.002);
  EXPECT_NEAR(rate.scale() * 0.9, 1, 1e-5);
}

TEST(KeyedDropoutTest, GivesEachChannelItsLaneOfPhilox) {
  const DropoutRate rate = QuantisedRate(0.5);
  const at::Tensor mask = KeepMask({99, 5}, rate, {{2, 17}}, 300);
  for (uint32_t channel = 0; channel < 300; ++channel) {
    const uint32_t word = Philox({2, 17, 5, channel / 8}, PhiloxKeyOf(99))[channel % 8 / 2];
    const uint32_t lane = channel % 2 == 0 ? word & 0xFFFF : word >> 16;
    EXPECT_EQ(mask[0][channel].item<int>(), lane < rate.keep) << channel;
  }
}

TEST(KeyedDropoutTest, IsTheSameWhateverTokensAreComputedWithIt) {
  const DropoutRate rate = QuantisedRate(0.3);
  const std::vector<TokenPlace> places = Places(3, 20);
  const at::Tensor whole = KeepMask({1, 2}, rate, places, 77);
  const at::Tensor part = KeepMask({1, 2}, rate, {places.begin() + 25, places.end()}, 77);
  EXPECT_TRUE(at::equal(whole.narrow(0, 25, 35), part));
}

TEST(KeyedDropoutTest, DiffersBetweenStepsAndProjections) {
  const DropoutRate rate = QuantisedRate(0.5);
  const auto mask = [&](uint64_t key, uint32_t projection) {
    return KeepMask({key, projection}, rate, {{0, 0}}, 512);
  };
  const at::Tensor one = mask(StepDropoutKey(1, 0, 0), 0);
  EXPECT_FALSE(at::equal(one, mask(StepDropoutKey(1, 0, 0), 1)));
  EXPECT_FALSE(at::equal(one, mask(StepDropoutKey(1, 0, 1), 0)));
  EXPECT_FALSE(at::equal(one, mask(StepDropoutKey(1, 1, 0), 0)));
  EXPECT_FALSE(at::equal(one, mask(StepDropoutKey(2, 0, 0), 0)));
}

TEST(KeyedDropoutTest, ZerosWhatIsNotKept) {
  const at::Tensor mask = KeepMask({4, 4}, QuantisedRate(0.4), Places(1, 9), 130);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor x = at::randn({9, 130}).to(type);
    EXPECT_TRUE(at::equal(Kept(x, mask), x * mask)) << type;
  }
}

// The kernel's text, compiled for the CPU: a thread is a call.
namespace kernel {
struct Index {
  unsigned int x;
};
thread_local Index blockIdx, blockDim, threadIdx;
#define __global__
#include "worker/model/keep_mask_kernel.cuh"
#undef __global__
}  // namespace kernel

TEST(KeepMaskKernelTest, GivesTheMasksOfTheCpu) {
  const DropoutRate rate = QuantisedRate(0.3);
  const std::vector<TokenPlace> places = Places(3, 20);
  for (const int64_t channels : {1, 8, 77, 200}) {
    const auto tokens = static_cast<int64_t>(places.size());
    const PhiloxKey key = PhiloxKeyOf(0x123456789abcdef);
    at::Tensor mask = at::full({tokens, channels}, 7, at::kByte);
    kernel::blockDim.x = 16;
    for (kernel::blockIdx.x = 0; kernel::blockIdx.x * 16 < tokens * ((channels + 7) / 8) + 16;
         ++kernel::blockIdx.x) {
      for (kernel::threadIdx.x = 0; kernel::threadIdx.x < 16; ++kernel::threadIdx.x) {
        kernel::StrataKeepMask(reinterpret_cast<const unsigned int*>(places.data()), tokens,
                               channels, 5, key[0], key[1], rate.keep, mask.data_ptr<uint8_t>());
      }
    }
    EXPECT_TRUE(at::equal(mask, KeepMask({0x123456789abcdef, 5}, rate, places, channels)));
  }
}

#ifdef STRATA_WITH_CUDA
TEST(KeepMaskKernelTest, CompilesWithoutADevice) {
  const std::string ptx = KeepMaskKernel::Ptx();
  EXPECT_NE(ptx.find(".entry StrataKeepMask"), std::string::npos);
}
#endif

}  // namespace
}  // namespace strata
