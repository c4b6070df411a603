// Goal: training in bfloat16 strays no further from float32 than it does in transformers + PEFT.
// Method: for each family, tiny random models of many seeds; the mean absolute difference of each
// step's loss to the float32 run, ours against PEFT's. PEFT computes the adapter in float32 and the
// base in bfloat16. Over all families the bound holds as it stands; of one family a seed more or
// less moves the ratio by some 5 %, so there it holds up to three standard errors.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "tests/worker/parity/reference_model.h"

namespace strata {
namespace {

using namespace testing;  // strata::testing

constexpr int kSeeds = 24;
constexpr double kBound = 1.05;  // times what PEFT strays

double Strayed(const std::vector<float>& from, const std::vector<double>& losses) {
  double sum = 0;
  for (size_t i = 0; i < losses.size(); ++i) sum += std::abs(losses[i] - from[i]);
  return sum / static_cast<double>(losses.size());
}

// What each of a family's seeds strays by, in nats.
struct Rounding {
  std::vector<double> ours, theirs;
};

Rounding RoundingOf(const std::string& family) {
  Rounding rounding;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    const ReferenceModel model(std::string(STRATA_REFERENCE_DIR) + "/../bfloat16/" + family + "_" +
                               std::to_string(seed));
    const std::vector<float> exact = model.reference().Floats("losses");
    const std::vector<float> peft = model.reference().Floats("bfloat16_losses");
    std::vector<double> losses;
    for (const StepReport& report : model.Train(at::kBFloat16).reports)
      losses.push_back(report.loss);
    rounding.ours.push_back(Strayed(exact, losses));
    rounding.theirs.push_back(Strayed(exact, {peft.begin(), peft.end()}));
  }
  return rounding;
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// Of the mean of ours - kBound · theirs, paired by seed.
double StandardError(const Rounding& rounding) {
  std::vector<double> differences, squares;
  for (size_t i = 0; i < rounding.ours.size(); ++i)
    differences.push_back(rounding.ours[i] - kBound * rounding.theirs[i]);
  const double mean = Mean(differences);
  for (const double difference : differences) squares.push_back(std::pow(difference - mean, 2));
  return std::sqrt(Mean(squares) / static_cast<double>(squares.size() - 1));
}

TEST(Bfloat16ParityTest, StraysNoFurtherFromFloat32ThanPeft) {
  double ours_all = 0, theirs_all = 0;
  for (const char* family :
       {"llama", "llama31", "mistral", "qwen2", "qwen3", "phi3", "gemma2", "gemma3"}) {
    const Rounding rounding = RoundingOf(family);
    const double ours = Mean(rounding.ours), theirs = Mean(rounding.theirs);
    std::printf("%-8s ours %.5f, PEFT's %.5f, ratio %.3f\n", family, ours, theirs, ours / theirs);
    EXPECT_GT(ours, 0) << family;
    EXPECT_LE(ours, kBound * theirs + 3 * StandardError(rounding)) << family;
    ours_all += ours, theirs_all += theirs;
  }
  std::printf("all      ratio %.3f\n", ours_all / theirs_all);
  EXPECT_LE(ours_all, kBound * theirs_all);
}

}  // namespace
}  // namespace strata
