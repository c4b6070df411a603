// Goal: a model that answers has before it the very ids that it learnt to answer after. Method:
// each prompt against the ids of a training example that begins with it, on the base of
// tests/testdata.
#include <algorithm>

#include "coordinator/tokens/example_tokenizer.h"
#include "gmock/gmock.h"
#include "tests/common/base_folder.h"

namespace strata {
namespace {

using testing::HasSubstr;

class PromptTokensTest : public testing::Test {
 protected:
  ExampleTokenizer Open() const { return ExampleTokenizer::Open(base_.path(), {}).value(); }

  // The ids of the prompt, and those that training has before the answer.
  std::pair<std::vector<uint32_t>, std::vector<uint32_t>> Both(const std::vector<Message>& prompt,
                                                               const std::string& answer) const {
    const ExampleTokenizer tokenizer = Open();
    Example example;
    example.messages = prompt;
    example.messages.push_back({"assistant", answer});
    const TokenizedExample learnt = tokenizer.Tokenize(example).value();
    return {tokenizer.TokenizePrompt(prompt).value(),
            {learnt.ids.begin(), learnt.ids.begin() + learnt.supervised.back().begin}};
  }
  void ExpectLearntBefore(const std::vector<Message>& prompt, const std::string& answer) const {
    const auto [ids, before] = Both(prompt, answer);
    EXPECT_EQ(ids, before) << answer;
  }

  BaseFolder base_;
};

TEST_F(PromptTokensTest, AreThoseBeforeTheAnswerInTraining) {
  for (const char* answer : {"La cultura.", "a", "¿Qué?", "\u4f60\u597d", "1999"}) {
    ExpectLearntBefore({{"user", "¿Qué es la cultura?"}}, answer);
    ExpectLearntBefore({{"system", "Eres antropólogo."}, {"user", "¿Qué?"}}, answer);
    ExpectLearntBefore({{"user", "a"}, {"assistant", "b"}, {"user", "c"}}, answer);
  }
}

TEST_F(PromptTokensTest, DifferAtMostInATokenThatStraddlesTheBoundary) {
  Json tokens = ParseJson(base_.Read("tokenizer.json"), "").value()["added_tokens"];
  Json straddling = tokens[0];
  straddling["id"] = 400;
  straddling["content"] = "\nQ";
  straddling["special"] = false;
  tokens.push_back(straddling);
  base_.Set("tokenizer.json", "added_tokens", tokens);
  base_.Set("config.json", "vocab_size", 401);
  auto [ids, before] = Both({{"user", "¿Qué?"}}, "Quipu.");
  EXPECT_EQ(before.back(), 400u);
  ids.pop_back();
  before.pop_back();
  EXPECT_EQ(ids, before);
}

TEST_F(PromptTokensTest, DoNotEndWithWhatATokenizerClosesATextWith) {
  const Json eos = {{"SpecialToken", {{"id", "</s>"}, {"type_id", 0}}}};
  const Json bos = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  const Json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const auto token = [](const char* name, uint32_t id) {
    return Json{{"id", name}, {"ids", {id}}, {"tokens", {name}}};
  };
  base_.Set("tokenizer.json", "post_processor",
            {{"type", "TemplateProcessing"},
             {"single", Json::array({bos, text, eos})},
             {"pair", Json::array({text, text})},
             {"special_tokens", {{"<s>", token("<s>", 0)}, {"</s>", token("</s>", 1)}}}});
  const std::vector<uint32_t> ids = Open().TokenizeOpen("La cultura").value();
  EXPECT_EQ(ids.front(), 0u);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 1), 0);
  ExpectLearntBefore({{"user", "¿Qué es la cultura?"}}, "La cultura.");
}

TEST_F(PromptTokensTest, AnOpenTextIsTakenAsItIs) {
  const ExampleTokenizer tokenizer = Open();
  const std::vector<uint32_t> ids = tokenizer.TokenizeOpen("  La cultura\n").value();
  EXPECT_EQ(tokenizer.tokenizer().Decode(ids).value(), "  La cultura\n");
  EXPECT_FALSE(tokenizer.TokenizeOpen("\xff").ok());
}

TEST_F(PromptTokensTest, AnIdBeyondTheBaseIsRefused) {
  base_.Set("config.json", "vocab_size", 300);
  const absl::Status status = Open().TokenizePrompt({{"user", "La cultura humana"}}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(status.message()), HasSubstr("do not belong together"));
}

}  // namespace
}  // namespace strata
