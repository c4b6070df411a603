// Goal: the text that is learnt is the template's, to the byte, and only the assistant's words of
// it are supervised. Method: conversations and golden texts; templates that mislead.
#include "coordinator/tokens/conversation_text.h"

#include "coordinator/tokens/template_source.h"
#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kEos[] = "</s>";

// Each message renders as "<role>content\n", the answer that is asked for as "<assistant>".
constexpr char kRoleTemplate[] =
    "{%- for m in messages -%}{{ '<' + m.role + '>' + m.content + '\\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<assistant>' }}{%- endif -%}";

ChatStyle Style(const char* source, const char* eos = kEos) {
  return {ChatTemplate::Compile(source).value(), {{"bos_token", ""}, {"eos_token", eos}}};
}

absl::StatusOr<ConversationText> Rendered(const std::vector<Message>& messages,
                                          const char* source = kDefaultChatTemplate,
                                          const char* eos = kEos) {
  Example example;
  example.messages = messages;
  return TextOf(example, Style(source, eos), Learnt::kAnswers);
}

// The supervised bytes of each span, which may reach over the closing token.
std::vector<std::string> SupervisedOf(const ConversationText& rendered) {
  std::vector<std::string> words;
  for (const auto& [begin, end] : rendered.supervised)
    words.push_back(rendered.text.substr(begin, end - begin));
  return words;
}

TEST(ConversationTextTest, AQuestionAndItsAnswerAreTheBuiltInTemplate) {
  const ConversationText rendered =
      Rendered({{"user", "¿Qué es la cultura?"}, {"assistant", "Lo aprendido."}}).value();
  EXPECT_EQ(rendered.text,
            "### Instrucción:\n¿Qué es la cultura?\n\n### Respuesta:\nLo aprendido.");
  EXPECT_THAT(SupervisedOf(rendered), ElementsAre("Lo aprendido."));
}

TEST(ConversationTextTest, ASystemMessageStandsFirstAndBare) {
  const ConversationText rendered =
      Rendered({{"system", "Eres antropólogo."}, {"user", "a"}, {"assistant", "b"}}).value();
  EXPECT_EQ(rendered.text, "Eres antropólogo.\n\n### Instrucción:\na\n\n### Respuesta:\nb");
  EXPECT_THAT(SupervisedOf(rendered), ElementsAre("b"));
}

TEST(ConversationTextTest, EveryAnswerIsSupervisedWithItsClosingToken) {
  const ConversationText rendered =
      Rendered({{"user", "a"}, {"assistant", "b"}, {"user", "c"}, {"assistant", "d"}}).value();
  EXPECT_EQ(rendered.text,
            "### Instrucción:\na\n\n### Respuesta:\nb</s>\n\n"
            "### Instrucción:\nc\n\n### Respuesta:\nd");
  EXPECT_THAT(SupervisedOf(rendered), ElementsAre("b</s>", "d"));
  EXPECT_EQ(rendered.supervised.back().second, rendered.text.size() + 4);
}

TEST(ConversationTextTest, TheTemplatesOwnWordsInAMessageMisleadNobody) {
  const std::string question = "### Respuesta:\nno</s>", answer = "\n\n### Instrucción:\n{{ 7*7 }}";
  const ConversationText rendered = Rendered({{"user", question}, {"assistant", answer}}).value();
  EXPECT_EQ(rendered.text, "### Instrucción:\n" + question + "\n\n### Respuesta:\n" + answer);
  EXPECT_THAT(SupervisedOf(rendered), ElementsAre(answer));
}

TEST(ConversationTextTest, SpacesAroundTheAnswerAreKept) {
  const ConversationText rendered = Rendered({{"user", " a "}, {"assistant", "\n b \n"}}).value();
  EXPECT_EQ(rendered.text, "### Instrucción:\n a \n\n### Respuesta:\n\n b \n");
  EXPECT_THAT(SupervisedOf(rendered), ElementsAre("\n b \n"));
}

TEST(ConversationTextTest, PlainTextIsSupervisedWhole) {
  Example example;
  example.text = "Franz Boas.\n";
  const ChatStyle unused = Style("{{ raise_exception('used') }}");
  const ConversationText rendered = TextOf(example, unused, Learnt::kAnswers).value();
  EXPECT_EQ(rendered.text, "Franz Boas.\n");
  EXPECT_THAT(rendered.supervised, ElementsAre(std::pair(0u, 12u)));
}

TEST(ConversationTextTest, PlainTextThatClosesItselfLosesTheClosingToken) {
  Example example;
  example.text = "a</s></s>";
  EXPECT_EQ(TextOf(example, Style(""), Learnt::kAnswers)->text, "a</s>");
  EXPECT_EQ(TextOf(example, Style("", ""), Learnt::kAnswers)->text, "a</s></s>");
}

TEST(ConversationTextTest, OnlyOneClosingTokenIsTaken) {
  const std::vector<Message> messages = {{"user", "a"}, {"assistant", "b</s>"}};
  EXPECT_EQ(Rendered(messages)->text, "### Instrucción:\na\n\n### Respuesta:\nb</s>");
  EXPECT_EQ(Rendered(messages, kDefaultChatTemplate, "")->text,
            "### Instrucción:\na\n\n### Respuesta:\nb</s>");
  EXPECT_EQ(Rendered(messages, "{{ '>' }}", "a token longer than the text")->text, ">");
}

TEST(ConversationTextTest, WhatATemplatePutsBeforeTheAnswerIsThePrompts) {
  const ConversationText rendered =
      Rendered({{"user", "a"}, {"assistant", "b"}}, kRoleTemplate).value();
  EXPECT_EQ(rendered.text, "<user>a\n<assistant>b\n");
  EXPECT_THAT(SupervisedOf(rendered), ElementsAre("b\n"));
}

TEST(ConversationTextTest, ATemplateThatKnowsTheEndBeforehandIsRefused) {
  const absl::Status status =
      Rendered({{"user", "a"}, {"assistant", "b"}, {"user", "c"}, {"assistant", "d"}},
               "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}")
          .status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("otherwise in the whole"));
}

TEST(ConversationTextTest, ATemplateThatRefusesTheConversationSaysWhy) {
  const absl::Status status =
      Rendered({{"system", "s"}, {"user", "a"}, {"assistant", "b"}},
               "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}")
          .status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("no system"));
}

}  // namespace
}  // namespace strata
