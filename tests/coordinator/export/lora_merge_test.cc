// Goal: a merged weight is W + scale · B·A, summed in fp32 and rounded once, whatever the sizes,
// the threads and the cut of the rows. Method: bit by bit against a plain loop.
#include "coordinator/export/lora_merge.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>

namespace strata {
namespace {

// A weight and its factors, of random numbers.
template <typename Format>
class Layer {
 public:
  using Bits = typename Format::Bits;
  Layer(int64_t out, int64_t in, int64_t r) : out_(out), in_(in), r_(r) {
    std::mt19937 random(static_cast<uint32_t>(out * 1000003 + in * 101 + r));
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < r * in; ++i) a.push_back(0.02f * normal(random));
    for (int64_t i = 0; i < out * r; ++i) b.push_back(0.02f * normal(random));
    for (int64_t i = 0; i < out * in; ++i) w.push_back(Format::FromFloat(0.02f * normal(random)));
  }
  LoraFactors Factors() const { return {out_, in_, r_, a.data(), b.data(), 1.75f}; }
  std::vector<Bits> Naive() const {
    std::vector<Bits> merged;
    for (int64_t row = 0; row < out_; ++row) {
      for (int64_t column = 0; column < in_; ++column) {
        float sum = 0;
        for (int64_t k = 0; k < r_; ++k) sum += b[row * r_ + k] * a[k * in_ + column];
        merged.push_back(Format::FromFloat(Format::ToFloat(w[row * in_ + column]) + 1.75f * sum));
      }
    }
    return merged;
  }
  // By MergeRows, `rows` at a time.
  std::vector<Bits> Merged(NumberFormat format, int threads, int64_t rows) const {
    const LoraMerge merge(Factors(), format, threads);
    std::vector<Bits> merged(w.size());
    for (int64_t row = 0; row < out_; row += rows) {
      EXPECT_TRUE(merge.MergeRows(row, std::min(rows, out_ - row), w.data() + row * in_,
                                  merged.data() + row * in_));
    }
    return merged;
  }

  std::vector<float> a, b;
  std::vector<Bits> w;

 private:
  int64_t out_, in_, r_;
};

template <typename Format>
void ExpectEqualsPlainLoop(NumberFormat format) {
  for (const auto& [out, in, r] : std::vector<std::array<int64_t, 3>>{
           {1, 1, 1}, {3, 17, 2}, {4, 256, 8}, {37, 257, 7}, {130, 300, 16}, {5, 1025, 64}}) {
    const Layer<Format> layer(out, in, r);
    ASSERT_EQ(layer.Merged(format, 1, out), layer.Naive()) << out << " x " << in << ", r " << r;
  }
}

TEST(LoraMergeTest, Float32EqualsAPlainLoop) {
  ExpectEqualsPlainLoop<Float32>(NumberFormat::kFloat32);
}

TEST(LoraMergeTest, Bfloat16EqualsAPlainLoop) {
  ExpectEqualsPlainLoop<Bfloat16>(NumberFormat::kBfloat16);
}

TEST(LoraMergeTest, Float16EqualsAPlainLoop) {
  ExpectEqualsPlainLoop<Float16>(NumberFormat::kFloat16);
}

TEST(LoraMergeTest, ThreadsAndCutsOfTheRowsChangeNoBit) {
  const Layer<Bfloat16> layer(203, 129, 9);
  const std::vector<uint16_t> one = layer.Merged(NumberFormat::kBfloat16, 1, 203);
  for (const int threads : {2, 3, 7, 64})
    for (const int64_t rows : {1, 5, 64, 203})
      ASSERT_EQ(layer.Merged(NumberFormat::kBfloat16, threads, rows), one)
          << threads << " " << rows;
}

TEST(LoraMergeTest, WeightsNeedNoAlignment) {
  const Layer<Float32> layer(9, 33, 4);
  std::string in(layer.w.size() * sizeof(float) + 1, '\0'), out(in.size(), '\0');
  std::memcpy(in.data() + 1, layer.w.data(), in.size() - 1);
  EXPECT_TRUE(LoraMerge(layer.Factors(), NumberFormat::kFloat32, 2)
                  .MergeRows(0, 9, in.data() + 1, out.data() + 1));
  EXPECT_EQ(std::memcmp(out.data() + 1, layer.Naive().data(), out.size() - 1), 0);
}

TEST(LoraMergeTest, AZeroBLeavesEveryBit) {
  Layer<Float16> layer(40, 70, 3);
  std::fill(layer.b.begin(), layer.b.end(), 0.0f);
  EXPECT_EQ(layer.Merged(NumberFormat::kFloat16, 2, 40), layer.w);
}

TEST(LoraMergeTest, ANumberThatOverflowsIsTold) {
  for (const size_t row : {0, 39}) {
    Layer<Float16> layer(40, 70, 1);
    layer.w[row * 70 + 69] = Float16::FromFloat(65504);
    layer.a[69] = 100, layer.b[row] = 1;
    std::vector<uint16_t> merged(layer.w.size());
    EXPECT_FALSE(LoraMerge(layer.Factors(), NumberFormat::kFloat16, 2)
                     .MergeRows(0, 40, layer.w.data(), merged.data()));
  }
}

TEST(LoraMergeTest, ANumberOfTheBaseThatIsNotFiniteIsTold) {
  Layer<Bfloat16> layer(4, 5, 1);
  layer.w[19] = Bfloat16::FromFloat(NAN);
  std::vector<uint16_t> merged(layer.w.size());
  EXPECT_FALSE(LoraMerge(layer.Factors(), NumberFormat::kBfloat16, 1)
                   .MergeRows(0, 4, layer.w.data(), merged.data()));
}

}  // namespace
}  // namespace strata
