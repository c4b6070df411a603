// Goal: logits, LoRA gradients and thirty steps of AdamW are those of transformers + PEFT, for each
// family, with dropout and without, from bases on disk in several dtypes; and packing changes
// nothing. Method: tiny random models computed by make_reference.py example by example, here packed
// two examples a row, two rows a step. PEFT drops out by masks that the reference makes from our
// headers' words.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/worker/parity/reference_model.h"

namespace strata {
namespace {

using namespace testing;  // strata::testing: weights in memory, one rank

class ParityTest : public ::testing::TestWithParam<std::string> {
 protected:
  // Per tensor, the largest difference relative to the tensor's largest value.
  void ExpectNear(const std::vector<float>& got, const std::vector<float>& expected,
                  double relative) const {
    ASSERT_EQ(got.size(), expected.size());
    for (const AdapterTensor& tensor : model_.layout().tensors) {
      double most = 0, off = 0;
      for (int64_t i = tensor.offset; i < tensor.offset + tensor.elements(); ++i) {
        most = std::max(most, std::abs(static_cast<double>(expected[i])));
        off = std::max(off, std::abs(static_cast<double>(got[i]) - expected[i]));
      }
      EXPECT_LE(off, relative * most) << tensor.name;
    }
  }

  std::vector<float> Expected(const std::string& prefix) const {
    return reference_.Flat(model_.layout(), prefix);
  }

  const ReferenceModel model_{std::string(STRATA_REFERENCE_DIR) + "/" + GetParam()};
  const Reference& reference_ = model_.reference();
};

TEST_P(ParityTest, LossAndGradientsAreThoseOfPeft) {
  const ReferenceModel::FirstStep first = model_.ComputeFirstStep(model_.FirstPass());
  EXPECT_NEAR(first.loss / reference_.Floats("losses")[0], 1, 1e-5);
  ExpectNear(first.gradients, Expected("grad."), 1e-4);
}

TEST_P(ParityTest, ALayerThatIsComputedAgainGivesTheSameGradientsToTheBit) {
  TrainingPass again = model_.FirstPass();
  again.gradient_checkpointing = true;
  const ReferenceModel::FirstStep kept = model_.ComputeFirstStep(model_.FirstPass()),
                                  computed = model_.ComputeFirstStep(again);
  EXPECT_EQ(computed.loss, kept.loss);
  EXPECT_EQ(computed.gradients, kept.gradients);
}

TEST_P(ParityTest, ThirtyStepsOfTrainingAreThoseOfTorchAndPeft) {
  const ReferenceModel::Training training = model_.Train();
  const std::vector<float> losses = reference_.Floats("losses");
  const std::vector<float> norms = reference_.Floats("grad_norms");
  ASSERT_EQ(training.reports.size(), losses.size());
  for (size_t i = 0; i < losses.size(); ++i) {
    EXPECT_NEAR(training.reports[i].loss / losses[i], 1, 1e-4) << i;
    EXPECT_NEAR(training.reports[i].grad_norm / norms[i], 1, 1e-3) << i;
  }
  ExpectNear(training.adapter, Expected("trained."), 1e-3);
}

const auto kName = [](const auto& variant) { return variant.param; };

INSTANTIATE_TEST_SUITE_P(Families, ParityTest, ::testing::ValuesIn(Families()), kName);
INSTANTIATE_TEST_SUITE_P(Variants, ParityTest, ::testing::ValuesIn(OtherVariants()), kName);

class LogitsParityTest : public ParityTest {
 protected:
  LogitsParityTest() {
    const TrainingRow& row = reference_.steps[0].rows[0];
    ids_.assign(row.ids.begin(), row.ids.begin() + row.example_lengths[0]);
  }

  // Of the token that follows position `at`, [V].
  at::Tensor ExpectedLogits(size_t at) const {
    return ::at::tensor(reference_.Floats("logits"))
        .view({-1, model_.config().vocab_size})
        .select(0, static_cast<int64_t>(at));
  }

  void ExpectSame(const at::Tensor& logits_1V, size_t at) const {
    const at::Tensor expected = ExpectedLogits(at);
    const double off = (logits_1V[0] - expected).abs().max().item<double>();
    EXPECT_LE(off, 1e-4 * expected.abs().max().item<double>()) << "position " << at;
  }

  std::vector<int64_t> ids_;
  const std::vector<at::Tensor> adapter_ = model_.AdapterTensors();
};

TEST_P(LogitsParityTest, AreThoseOfPeftAtEveryPosition) {
  const c10::NoGradGuard no_grad;
  const Decoder decoder = model_.MakeDecoder();
  for (size_t at = model_.config().rope.scaling == RopeScaling::kLongRope ? ids_.size() - 1 : 0;
       at < ids_.size(); ++at) {
    const auto cache = decoder.NewCache();
    const std::vector<int64_t> prefix(ids_.begin(), ids_.begin() + static_cast<int64_t>(at) + 1);
    ExpectSame(decoder.Logits({{prefix, cache.get()}}, adapter_), at);
  }
}

// A sequence that LongRoPE's frequencies change under can't go on from its cache.
TEST_P(LogitsParityTest, GoingOnFromACacheIsComputingAnew) {
  const c10::NoGradGuard no_grad;
  const Decoder decoder = model_.MakeDecoder();
  const auto whole = decoder.NewCache(), grown = decoder.NewCache();
  const size_t half = ids_.size() / 2;
  std::vector<int64_t> pending(ids_.begin(), ids_.begin() + static_cast<int64_t>(half));
  at::Tensor logits_1V = decoder.Logits({{pending, grown.get()}}, adapter_);
  for (size_t at = half; at < ids_.size(); ++at) {
    if (decoder.OutgrowsCache(static_cast<int64_t>(at))) return;
    logits_1V = decoder.Logits({{{ids_[at]}, grown.get()}}, adapter_);
  }
  EXPECT_TRUE(at::allclose(logits_1V, decoder.Logits({{ids_, whole.get()}}, adapter_), 1e-4, 1e-5));
}

INSTANTIATE_TEST_SUITE_P(Families, LogitsParityTest, ::testing::ValuesIn(Families()), kName);

class PackingTest : public ParityTest {
 protected:
  // NLL of the examples packed into one row, without a gradient.
  double Nll(const TrainingRow& row) const {
    const c10::NoGradGuard no_grad;
    return model_.MakeDecoder()
        .NllSum(MicroBatches({row}, 1)[0], model_.AdapterTensors(), std::nullopt)
        .item<double>();
  }

  // The examples of all rows of a step, each in a row of its own.
  std::vector<TrainingRow> Alone(const StepWork& work) const {
    std::vector<TrainingRow> rows;
    for (const TrainingRow& packed : work.rows) {
      int64_t begin = 0;
      for (size_t i = 0; i < packed.example_lengths.size(); ++i) {
        const int64_t length = packed.example_lengths[i];
        TrainingRow row;
        row.ids.assign(packed.ids.begin() + begin, packed.ids.begin() + begin + length);
        row.example_lengths = {length};
        row.supervised = {{packed.supervised[i].begin - begin, packed.supervised[i].end - begin}};
        rows.push_back(row);
        begin += length;
      }
    }
    return rows;
  }

  // All of them in one row, of which only `counted` is supervised.
  static TrainingRow Packed(const std::vector<TrainingRow>& examples, size_t counted) {
    TrainingRow row;
    for (size_t i = 0; i < examples.size(); ++i) {
      const auto base = static_cast<int64_t>(row.ids.size());
      row.ids.insert(row.ids.end(), examples[i].ids.begin(), examples[i].ids.end());
      row.example_lengths.push_back(examples[i].example_lengths[0]);
      const SupervisedSpan span = examples[i].supervised[0];
      if (i == counted) row.supervised.push_back({base + span.begin, base + span.end});
    }
    return row;
  }
};

TEST_P(PackingTest, AnExampleInAPackedRowHasTheLossItHasAlone) {
  for (const StepWork& work : {reference_.steps[0], reference_.steps[1]}) {
    const std::vector<TrainingRow> examples = Alone(work);
    for (size_t i = 0; i < examples.size(); ++i)
      EXPECT_NEAR(Nll(Packed(examples, i)) / Nll(examples[i]), 1, 1e-5) << "example " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, PackingTest, ::testing::ValuesIn(Families()), kName);

}  // namespace
}  // namespace strata
