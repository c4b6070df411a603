// Goal: every prompt gets the answer that it gets alone, token by token and with its end. Method: a
// tiny decoder; answers against those of whole passes, in batches of every size.
#include "worker/generate/generation.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/worker/tiny_model.h"

namespace strata {
namespace {

using namespace testing;  // strata::testing: tiny models

struct Answer {
  std::vector<int64_t> ids;
  GenerationEnd end = GenerationEnd::kNone;
  bool operator==(const Answer&) const = default;
};

void PrintTo(const Answer& answer, std::ostream* out) {
  for (const int64_t id : answer.ids) *out << id << " ";
  *out << "end " << static_cast<int>(answer.end);
}

class GenerationTest : public ::testing::Test {
 protected:
  explicit GenerationTest(const ModelConfig& config = TinyConfig())
      : decoder_(config, TinyLora(0), TinyWeights(config), at::kFloat, at::kCPU),
        adapter_(TinyLayout(TinyConfig()), at::kCPU) {
    adapter_.Load(KeyedValues(5, TinyLayout(TinyConfig()).elements, 0.3f));
  }

  static GenerationWork Work(int64_t max_new_tokens, std::vector<std::vector<int64_t>> prompts) {
    GenerationWork work;
    work.prompts = std::move(prompts);
    work.max_new_tokens = max_new_tokens;
    return work;
  }
  static std::vector<int64_t> Ids(uint64_t key, int64_t count) {
    return TinyRow(key, 0, {count}).ids;
  }

  std::vector<Answer> Run(const GenerationWork& work) const {
    std::vector<Answer> answers(work.prompts.size());
    Generate(work, decoder_, CastAdapter(decoder_, adapter_.leaves()),
             [&](const GeneratedToken& token) {
               Answer& answer = answers.at(token.prompt);
               EXPECT_EQ(answer.end, GenerationEnd::kNone) << "a token after the end";
               EXPECT_EQ(token.position, answer.ids.size());
               if (token.id >= 0) answer.ids.push_back(token.id);
               answer.end = token.end;
             });
    return answers;
  }

  // The likeliest tokens, by a pass over everything for each.
  std::vector<int64_t> ByWholePasses(std::vector<int64_t> ids, int64_t count) const {
    const c10::NoGradGuard no_grad;
    std::vector<int64_t> answer;
    for (int64_t i = 0; i < count; ++i) {
      const auto cache = decoder_.NewCache();
      const at::Tensor logits = decoder_.Logits({{ids, cache.get()}}, adapter_.leaves());
      answer.push_back(logits[0].argmax().item<int64_t>());
      ids.push_back(answer.back());
    }
    return answer;
  }

  const Decoder decoder_;
  FlatAdapter adapter_;
};

TEST_F(GenerationTest, GreedyIsTheLikeliestOfWholePasses) {
  const std::vector<int64_t> prompt = Ids(3, 11);
  const Answer answer = Run(Work(40, {prompt}))[0];
  EXPECT_EQ(answer.ids, ByWholePasses(prompt, 40));
  EXPECT_EQ(answer.end, GenerationEnd::kLength);
}

ModelConfig LongRopeConfig() {
  ModelConfig config = TinyConfig();
  config.rope.scaling = RopeScaling::kLongRope;
  config.rope.original_positions = 20;
  config.rope.short_factor.assign(5, 1);
  config.rope.long_factor = {1, 2, 3, 4, 5};
  return config;
}

class LongRopeGenerationTest : public GenerationTest {
 protected:
  LongRopeGenerationTest() : GenerationTest(LongRopeConfig()) {}
};

TEST_F(LongRopeGenerationTest, AnAnswerThatOutgrowsItsFrequenciesIsComputedAnew) {
  const std::vector<int64_t> prompt = Ids(3, 11);
  EXPECT_EQ(Run(Work(30, {prompt, Ids(4, 20)}))[0].ids, ByWholePasses(prompt, 30));
}

TEST_F(GenerationTest, AnyBatchGivesTheSameAnswers) {
  GenerationWork work =
      Work(20, {Ids(1, 5), Ids(2, 40), Ids(3, 1), Ids(4, 9), Ids(5, 9), Ids(6, 30), Ids(7, 2)});
  work.stop_ids = {ByWholePasses(work.prompts[3], 8)[7]};  // one ends sooner than the others
  for (const double temperature : {0.0, 1.5}) {
    work.sampling.temperature = temperature;
    work.batch_size = 1;
    const std::vector<Answer> alone = Run(work);
    for (const int64_t batch_size : {2, 3, 7, 100}) {
      work.batch_size = batch_size;
      EXPECT_EQ(Run(work), alone) << batch_size << " at " << temperature;
    }
  }
}

TEST_F(GenerationTest, AStopTokenEndsAnAnswerAndIsNoPartOfIt) {
  GenerationWork work = Work(30, {Ids(3, 11)});
  const std::vector<int64_t> all = ByWholePasses(work.prompts[0], 30);
  work.stop_ids = {-5, all[12]};
  const auto first = std::find(all.begin(), all.end(), all[12]);
  EXPECT_EQ(Run(work)[0], (Answer{{all.begin(), first}, GenerationEnd::kStopToken}));
  work.stop_ids = {all[0]};
  EXPECT_EQ(Run(work)[0], (Answer{{}, GenerationEnd::kStopToken}));
}

TEST_F(GenerationTest, TheModelsPositionsEndAnAnswer) {
  const Answer answer = Run(Work(1000, {Ids(3, 250)}))[0];
  EXPECT_EQ(answer.ids.size(), 6u);  // of 256 positions
  EXPECT_EQ(answer.end, GenerationEnd::kLength);
}

TEST_F(GenerationTest, TheSeedDecidesTheDraws) {
  GenerationWork work = Work(20, {Ids(3, 11), Ids(3, 11)});
  work.sampling = {.temperature = 2, .seed = 1};
  const std::vector<Answer> first = Run(work);
  EXPECT_EQ(Run(work), first);
  EXPECT_NE(first[0], first[1]) << "equal prompts draw for themselves";
  work.sampling.seed = 2;
  EXPECT_NE(Run(work), first);
}

TEST_F(GenerationTest, APenaltyKeepsAnAnswerFromRepeating) {
  GenerationWork work = Work(40, {Ids(3, 11)});
  work.sampling.repetition_penalty = 1e6;
  std::vector<int64_t> ids = work.prompts[0];
  const std::vector<int64_t> answer = Run(work)[0].ids;
  for (const int64_t id : answer) {
    const bool met = std::find(ids.begin(), ids.end(), id) != ids.end();
    const bool all_met = std::set<int64_t>(ids.begin(), ids.end()).size() > 50;
    EXPECT_TRUE(!met || all_met) << id << " after " << ids.size();
    ids.push_back(id);
  }
}

TEST_F(GenerationTest, ABfloat16DecoderGetsItsAdapterCastOnce) {
  const Decoder half(TinyConfig(), TinyLora(0), TinyWeights(TinyConfig()), at::kBFloat16, at::kCPU);
  for (const at::Tensor& tensor : CastAdapter(half, adapter_.leaves())) {
    EXPECT_EQ(tensor.scalar_type(), at::kBFloat16);
    EXPECT_FALSE(tensor.requires_grad());
  }
  int64_t tokens = 0;
  Generate(Work(5, {Ids(3, 4)}), half, CastAdapter(half, adapter_.leaves()),
           [&](const GeneratedToken&) { ++tokens; });
  EXPECT_EQ(tokens, 5);
}

TEST_F(GenerationTest, APromptWithoutATokenOrAPositionLeftIsRefused) {
  for (const int64_t length : {0, 256, 300}) {
    try {
      Run(Work(5, {Ids(1, 3), Ids(1, length)}));
      FAIL() << length << " tokens were taken";
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr("prompt 1 has"));
    }
  }
}

TEST_F(GenerationTest, LogitsThatOverflowAreRefused) {
  adapter_.Load(std::vector<float>(TinyLayout(TinyConfig()).elements, 1e30f));
  EXPECT_THROW(Run(Work(5, {Ids(1, 3)})), std::runtime_error);
}

}  // namespace
}  // namespace strata
