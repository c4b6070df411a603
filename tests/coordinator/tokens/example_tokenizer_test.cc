// Goal: an example's ids end with the end-of-sequence token, and the model learns the answer and
// that token, nothing of the prompt. Method: the base of tests/testdata, changed one thing at a
// time.
#include "coordinator/tokens/example_tokenizer.h"

#include <algorithm>
#include <map>

#include "gmock/gmock.h"
#include "tests/common/base_folder.h"
#include "tests/coordinator/tokens/tokenized.h"

namespace strata {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint32_t kBos = 0, kEos = 1;
constexpr char kConfig[] = "config.json", kTokenizer[] = "tokenizer.json",
               kNames[] = "tokenizer_config.json";
constexpr char kPrompt[] = "### Instrucción:\n¿Qué?\n\n### Respuesta:\n";

Example Conversation(const std::vector<std::string>& turns) {
  Example example;
  for (const std::string& turn : turns)
    example.messages.push_back({example.messages.size() % 2 == 0 ? "user" : "assistant", turn});
  return example;
}

Example PlainText(const std::string& text) {
  Example example;
  example.text = text;
  return example;
}

class ExampleTokenizerTest : public testing::Test {
 protected:
  absl::StatusOr<ExampleTokenizer> TryOpen(bool completion_only_loss = true) const {
    return ExampleTokenizer::Open(base_.path(),
                                  {{}, completion_only_loss ? Learnt::kAnswers : Learnt::kAll});
  }
  Digest Fingerprint(bool completion_only_loss = true) const {
    return TryOpen(completion_only_loss)->fingerprint();
  }
  TokenizedExample Tokenized(const Example& example, bool completion_only_loss = true) const {
    return TryOpen(completion_only_loss)->Tokenize(example).value();
  }
  std::string Text(const std::vector<uint32_t>& ids) const {
    return Tokenizer::FromFile(base_.path() / kTokenizer)->Decode(ids).value();
  }
  std::vector<std::string> SupervisedText(const TokenizedExample& tokenized) const {
    std::vector<std::string> texts;
    for (const auto& [begin, end] : tokenized.supervised)
      texts.push_back(Text({tokenized.ids.begin() + begin, tokenized.ids.begin() + end}));
    return texts;
  }
  // A further entry of the vocabulary, with the next id: 400.
  void AddToken(const std::string& token) const {
    Json tokens = ParseJson(base_.Read(kTokenizer), "").value()["added_tokens"];
    Json added = tokens[0];
    added["id"] = 400;
    added["content"] = token;
    added["special"] = false;
    tokens.push_back(added);
    base_.Set(kTokenizer, "added_tokens", tokens);
  }
  // A post-processor that puts "<s>" before a text and "</s>" after it, as Llama's can.
  void AddPostProcessor() const {
    const Json bos = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
    const Json eos = {{"SpecialToken", {{"id", "</s>"}, {"type_id", 0}}}};
    const Json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
    const auto token = [](const char* name, uint32_t id) {
      return Json{{"id", name}, {"ids", {id}}, {"tokens", {name}}};
    };
    base_.Set(kTokenizer, "post_processor",
              {{"type", "TemplateProcessing"},
               {"single", Json::array({bos, text, eos})},
               {"pair", Json::array({text, text})},
               {"special_tokens", {{"<s>", token("<s>", kBos)}, {"</s>", token("</s>", kEos)}}}});
  }
  void ExpectNoEos(const std::string& why) const {
    const absl::Status status = TryOpen().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(
        std::string(status.message()),
        AllOf(HasSubstr(why), HasSubstr(base_.path().string()), HasSubstr("set eos_token")));
  }

  BaseFolder base_;
};

TEST_F(ExampleTokenizerTest, TheAnswerAndOneClosingTokenAreSupervised) {
  const TokenizedExample tokenized = Tokenized(Conversation({"¿Qué?", "La cultura."}));
  EXPECT_EQ(Text(tokenized.ids), std::string(kPrompt) + "La cultura.");
  EXPECT_EQ(std::count(tokenized.ids.begin(), tokenized.ids.end(), kEos), 1);
  EXPECT_EQ(tokenized.ids.back(), kEos);
  EXPECT_THAT(SupervisedText(tokenized), ElementsAre("La cultura."));
  EXPECT_EQ(tokenized.supervised.back().end, tokenized.ids.size());
}

TEST_F(ExampleTokenizerTest, EachAnswerClosesAndIsSupervised) {
  const TokenizedExample tokenized = Tokenized(Conversation({"a", "uno", "b", "dos"}));
  EXPECT_THAT(SupervisedText(tokenized), ElementsAre("uno", "dos"));
  ASSERT_EQ(tokenized.supervised.size(), 2u);
  for (const Span& span : tokenized.supervised) EXPECT_EQ(tokenized.ids[span.end - 1], kEos);
  EXPECT_EQ(std::count(tokenized.ids.begin(), tokenized.ids.end(), kEos), 2);
}

TEST_F(ExampleTokenizerTest, ThePromptIsSupervisedToldSoButForToken0) {
  const TokenizedExample tokenized = Tokenized(Conversation({"¿Qué?", "Sí."}), false);
  const auto total = static_cast<uint32_t>(tokenized.ids.size());
  EXPECT_THAT(tokenized.supervised, ElementsAre(Span{1, total}));
  EXPECT_EQ(tokenized.ids, Tokenized(Conversation({"¿Qué?", "Sí."})).ids);
}

TEST_F(ExampleTokenizerTest, PlainTextIsSupervisedButForToken0) {
  for (const bool completion_only_loss : {true, false}) {
    const TokenizedExample tokenized =
        Tokenized(PlainText("La cultura se aprende."), completion_only_loss);
    const auto total = static_cast<uint32_t>(tokenized.ids.size());
    EXPECT_EQ(tokenized.ids.back(), kEos);
    EXPECT_THAT(tokenized.supervised, ElementsAre(Span{1, total}));
  }
}

TEST_F(ExampleTokenizerTest, OneTokenTeachesOnlyItsEnd) {
  EXPECT_EQ(Tokenized(PlainText("a")), (TokenizedExample{{66, kEos}, {{1, 2}}}));
  EXPECT_EQ(Tokenized(PlainText("</s>")), (TokenizedExample{{kEos}, {}}));
  EXPECT_THAT(Tokenized(PlainText("</s>"), false).supervised, IsEmpty());
}

TEST_F(ExampleTokenizerTest, ATokenThatStraddlesTheBoundaryIsThePrompts) {
  const Example example = Conversation({"¿Qué?", "Quipu."});
  EXPECT_THAT(SupervisedText(Tokenized(example)), ElementsAre("Quipu."));
  AddToken("\nQ");
  base_.Set(kConfig, "vocab_size", 401);
  const TokenizedExample tokenized = Tokenized(example);
  EXPECT_EQ(Text(tokenized.ids), std::string(kPrompt) + "Quipu.");
  EXPECT_THAT(SupervisedText(tokenized), ElementsAre("uipu."));
}

TEST_F(ExampleTokenizerTest, AnAnswerThatIsOneTokenWithThePromptLeavesItsEnd) {
  AddToken("\nQ");
  base_.Set(kConfig, "vocab_size", 401);
  const Example example = Conversation({"¿Qué?", "Q"});
  const TokenizedExample tokenized = Tokenized(example);
  const auto total = static_cast<uint32_t>(tokenized.ids.size());
  EXPECT_THAT(tokenized.supervised, ElementsAre(Span{total - 1, total}));
  AddPostProcessor();  // a token more at the beginning
  EXPECT_THAT(Tokenized(example).supervised, ElementsAre(Span{total, total + 1}));
}

TEST_F(ExampleTokenizerTest, TokensOfTheBasesPostProcessorAreNeitherDoubledNorThePrompts) {
  const Example example = Conversation({"¿Qué?", "Sí."});
  TokenizedExample expected = Tokenized(example);
  expected.ids.insert(expected.ids.begin(), kBos);
  for (Span& span : expected.supervised) span = {span.begin + 1, span.end + 1};
  AddPostProcessor();
  EXPECT_EQ(Tokenized(example), expected);
}

TEST_F(ExampleTokenizerTest, TextThatClosesItselfIsClosedOnce) {
  const TokenizedExample open = Tokenized(PlainText("La cultura."));
  EXPECT_EQ(Tokenized(PlainText("La cultura.</s>")), open);
  AddPostProcessor();
  const TokenizedExample processed = Tokenized(PlainText("La cultura.</s>"));
  EXPECT_EQ(std::count(processed.ids.begin(), processed.ids.end(), kEos), 1);
  EXPECT_EQ(processed.ids.size(), open.ids.size() + 1);
}

TEST_F(ExampleTokenizerTest, TheClosingTokenIsFoundHoweverTheBaseWritesIt) {
  const Example example = Conversation({"a", "uno", "b", "dos"});
  const TokenizedExample expected = Tokenized(example);
  base_.Set(kNames, "eos_token", {{"content", "</s>"}, {"lstrip", false}});
  EXPECT_EQ(Tokenized(example), expected);
  base_.Set(kNames, "eos_token", nullptr);
  EXPECT_EQ(Tokenized(example), expected);  // eos_token_id of config.json
  base_.Set(kConfig, "eos_token_id", {kEos, 5});
  EXPECT_EQ(Tokenized(example), expected);
  std::filesystem::remove(base_.path() / kNames);
  EXPECT_EQ(Tokenized(example), expected);
}

TEST_F(ExampleTokenizerTest, ABaseWithoutAClosingTokenIsRefused) {
  base_.Erase(kNames, "eos_token");
  base_.Erase(kConfig, "eos_token_id");
  ExpectNoEos("names no end-of-sequence token");
  for (const Json& id : {Json(-1), Json("</s>"), Json(400), Json::array(), Json(1.5)}) {
    base_.Set(kConfig, "eos_token_id", id);
    ExpectNoEos("names no end-of-sequence token");
  }
}

TEST_F(ExampleTokenizerTest, AClosingTokenOutsideTheVocabularyIsRefused) {
  base_.Set(kNames, "eos_token", "<|end|>");
  ExpectNoEos("has no token '<|end|>' in its vocabulary");
  AddToken("<|end|>");  // in tokenizer.json, yet not among the model's 400
  ExpectNoEos("has no token '<|end|>' in its vocabulary");
  base_.Set(kConfig, "vocab_size", 401);
  EXPECT_EQ(TryOpen()->eos_id(), 400u);
}

TEST_F(ExampleTokenizerTest, AnIdBeyondTheModelsVocabularyIsRefused) {
  AddToken("kula");
  const absl::Status status = TryOpen()->Tokenize(Conversation({"a", "El kula."})).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("token id 400 is beyond the base's vocabulary of 400"));
  EXPECT_TRUE(TryOpen()->Tokenize(Conversation({"a", "El potlatch."})).ok());
}

TEST_F(ExampleTokenizerTest, TextThatIsNotUtf8IsRefused) {
  const ExampleTokenizer tokenizer = TryOpen().value();
  EXPECT_TRUE(absl::IsDataLoss(tokenizer.Tokenize(PlainText("a\xff")).status()));
}

TEST_F(ExampleTokenizerTest, AFolderThatLacksAFileIsNamed) {
  for (const char* name : {kTokenizer, kConfig}) {
    std::filesystem::remove(base_.path() / name);
    const absl::Status status = TryOpen().status();
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
  }
}

TEST_F(ExampleTokenizerTest, ThePrintTellsApartWhatDecidesIdsAndNothingElse) {
  std::map<Digest, std::string> prints = {{Fingerprint(true), "as it is"},
                                          {Fingerprint(false), "completion_only_loss"}};
  base_.Set(kConfig, "torch_dtype", "bfloat16");
  EXPECT_EQ(prints.count(Fingerprint()), 1u);
  base_.Set(kConfig, "vocab_size", 500);
  EXPECT_TRUE(prints.emplace(Fingerprint(), "vocab_size").second);
  base_.Set(kNames, "eos_token", "<s>");
  EXPECT_TRUE(prints.emplace(Fingerprint(), "eos_token").second);
  AddToken("kula");
  EXPECT_TRUE(prints.emplace(Fingerprint(), "tokenizer.json").second);
}

}  // namespace
}  // namespace strata
