// Goal: clipping and AdamW are those of the papers and of torch.nn.utils. Method: a few elements
// updated by the formulas in fp64, one by one.
#include "worker/train/adamw.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace strata {
namespace {

// One element by the formulas: Loshchilov and Hutter's algorithm 2.
struct PlainAdamW {
  AdamWSettings settings;
  double value = 0, first = 0, second = 0;
  int steps = 0;

  void Update(double gradient, double learning_rate) {
    ++steps;
    first = settings.beta1 * first + (1 - settings.beta1) * gradient;
    second = settings.beta2 * second + (1 - settings.beta2) * gradient * gradient;
    const double mean = first / (1 - std::pow(settings.beta1, steps));
    const double square = second / (1 - std::pow(settings.beta2, steps));
    value -= learning_rate * settings.weight_decay * value;
    value -= learning_rate * mean / (std::sqrt(square) + settings.epsilon);
  }
};

// Two elements of an A, then two of its B.
constexpr size_t kElementsOfA = 2;
const AdapterLayout kLayout = {
    .tensors = {{"m.lora_A.weight", 1, 2, 0}, {"m.lora_B.weight", 2, 1, 2}}, .elements = 4};
const std::vector<float> kValues = {1.0f, -2.0f, 0.5f, 0.0f};
const std::vector<std::vector<float>> kGradients = {
    {0.3f, -0.1f, 0.0f, 2.0f}, {-0.2f, -0.4f, 0.6f, 0.1f}, {0.05f, 0.0f, -0.3f, -1.0f}};

void ExpectPlainUpdates(const AdamWSettings& settings) {
  at::Tensor values_N = at::tensor(kValues);
  AdamW adamw(settings, kLayout, values_N);
  std::vector<PlainAdamW> plain;
  for (const float value : kValues) plain.push_back({settings, value});
  for (size_t step = 0; step < kGradients.size(); ++step) {
    at::Tensor gradients_N = at::tensor(kGradients[step]);
    const double learning_rate = 0.1 / (1.0 + static_cast<double>(step));
    adamw.Update(values_N, gradients_N, GradientNorm(gradients_N), learning_rate);
    for (size_t i = 0; i < plain.size(); ++i) {
      plain[i].Update(kGradients[step][i],
                      learning_rate * (i < kElementsOfA ? 1 : settings.loraplus_lr_ratio));
      EXPECT_NEAR(values_N[i].item<double>(), plain[i].value, 2e-6) << step << ", " << i;
    }
  }
}

TEST(AdamWTest, MovesEachElementAsTheFormulasDo) {
  ExpectPlainUpdates({.epsilon = 0.05, .weight_decay = 0, .max_grad_norm = 0});
}

TEST(AdamWTest, DecaysWeightsApartFromTheGradient) {
  ExpectPlainUpdates({.beta1 = 0.8, .beta2 = 0.95, .weight_decay = 0.3, .max_grad_norm = 0});
}

TEST(AdamWTest, MovesEachBAtItsOwnRate) {
  ExpectPlainUpdates({.epsilon = 0.05, .max_grad_norm = 0, .loraplus_lr_ratio = 16});
  ExpectPlainUpdates({.weight_decay = 0.3, .max_grad_norm = 0, .loraplus_lr_ratio = 0.25});
}

// The bytes after three updates of a buffer too long for one vector register or thread.
std::vector<float> Updated(const AdamWSettings& settings, const AdapterLayout& layout) {
  at::Tensor values_N = at::arange(layout.elements, at::kFloat).sin_();
  AdamW adamw(settings, layout, values_N);
  for (int step = 1; step <= 3; ++step) {
    at::Tensor gradients_N = at::arange(layout.elements, at::kFloat).mul_(step).cos_();
    adamw.Update(values_N, gradients_N, GradientNorm(gradients_N), 1e-3);
  }
  const float* begin = values_N.const_data_ptr<float>();
  return {begin, begin + values_N.numel()};
}

TEST(AdamWTest, TheRateOfBLeavesEveryABitForBit) {
  const AdapterLayout layout = {.tensors = {{"m.lora_A.weight", 7, 9999, 0},
                                            {"m.lora_B.weight", 5001, 7, 69993},
                                            {"n.lora_A.weight", 7, 333, 105000},
                                            {"n.lora_B.weight", 77, 7, 107331}},
                                .elements = 107870};
  const std::vector<float> one_rate = Updated({}, layout);
  const std::vector<float> two_rates = Updated({.loraplus_lr_ratio = 4}, layout);
  for (const AdapterTensor& tensor : layout.tensors) {
    const bool is_a = tensor.name.find("lora_A") != std::string::npos;
    const auto begin = one_rate.begin() + tensor.offset;
    EXPECT_EQ(std::equal(begin, begin + tensor.elements(), two_rates.begin() + tensor.offset), is_a)
        << tensor.name;
  }
}

// What is left of a gradient of norm `norm`, as a part of it.
double LeftAfterClipping(double norm, double norm_max) {
  at::Tensor values_N = at::zeros({2}, at::kFloat);
  at::Tensor gradients_N = at::tensor({0.6 * norm, -0.8 * norm}, at::kFloat);
  AdamW adamw({.max_grad_norm = norm_max}, {}, values_N);
  adamw.Update(values_N, gradients_N, GradientNorm(gradients_N), 0.1);
  EXPECT_NEAR(gradients_N[1].item<double>() / gradients_N[0].item<double>(), -0.8 / 0.6, 1e-6);
  return GradientNorm(gradients_N) / norm;
}

TEST(AdamWTest, ClipsTheNormAsTorchDoes) {
  EXPECT_NEAR(LeftAfterClipping(10, 2.5), 0.25, 1e-6);
  EXPECT_NEAR(LeftAfterClipping(2, 2.5), 1, 1e-6);
  EXPECT_NEAR(LeftAfterClipping(1e-6, 1e-6), 0.5, 1e-6) << "the 1e-6 of clip_grad_norm_";
}

TEST(AdamWTest, ClipsNothingWhenTheBoundIsZero) { EXPECT_NEAR(LeftAfterClipping(1e6, 0), 1, 1e-6); }

TEST(GradientNormTest, SumsSquaresThatAFloatCannotHold) {
  EXPECT_NEAR(GradientNorm(at::tensor({3e30, -4e30}, at::kFloat)) / 5e30, 1, 1e-6);
  EXPECT_EQ(GradientNorm(at::empty({0}, at::kFloat)), 0);
}

}  // namespace
}  // namespace strata
