// Goal: templates render as transformers renders them, and say why not. Method: small templates.
#include "common/huggingface/chat_template.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata {
namespace {

using testing::HasSubstr;

constexpr char kVariables[] =
    R"({"messages": [{"role": "user", "content": " ¿Qué? "}, {"role": "assistant", "content": "a\nb"}],
        "eos_token": "</s>"})";

absl::StatusOr<std::string> Rendered(const char* source, bool generation_prompt = false) {
  const absl::StatusOr<ChatTemplate> compiled = ChatTemplate::Compile(source);
  if (!compiled.ok()) return compiled.status();
  absl::StatusOr<RenderedChat> rendered = compiled->Render(kVariables, generation_prompt);
  if (!rendered.ok()) return rendered.status();
  return std::move(rendered->text);
}

TEST(ChatTemplateTest, RendersLoopsConditionsAndVariables) {
  EXPECT_EQ(
      Rendered("{% for m in messages %}[{{ m['role'] }}]{{ m.content }}{{ eos_token }}{% endfor %}"
               "{% if add_generation_prompt %}>{% endif %}",
               true)
          .value(),
      "[user] ¿Qué? </s>[assistant]a\nb</s>>");
}

TEST(ChatTemplateTest, TrimsBlocksAsTransformersDoes) {
  EXPECT_EQ(Rendered("  {% if true %}\nx\n  {% endif %}\ny\n").value(), "x\ny");
}

TEST(ChatTemplateTest, KnowsThePythonMethodsThatTemplatesUse) {
  EXPECT_EQ(Rendered("{{ messages[0].content.strip() }}|{{ messages[0].content | trim }}").value(),
            "¿Qué?|¿Qué?");
  EXPECT_EQ(
      Rendered("{{ messages[1].content.split('\\n')[-1] }}{{ 'abc'.startswith('ab') }}").value(),
      "bTrue");
}

TEST(ChatTemplateTest, PassesOnTheReasonOfATemplateThatRefuses) {
  const absl::Status status = Rendered("{{ raise_exception('roles must alternate') }}").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("roles must alternate"));
}

TEST(ChatTemplateTest, ABrokenTemplateIsAnErrorWhenItIsCompiled) {
  EXPECT_EQ(ChatTemplate::Compile("{% for %}").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ChatTemplate::Compile("\xff").status().code(), absl::StatusCode::kDataLoss);
}

TEST(ChatTemplateTest, ASyntaxErrorNamesItsLine) {
  const absl::Status status = ChatTemplate::Compile("a\nb\n{% if x %}\n{{ y + }}\n").status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("chat_template:4"));
}

TEST(ChatTemplateTest, ATemplateThatNeverEndsIsCutShort) {
  const std::string many = "{% for i in range(99999) %}", end = "{% endfor %}";
  const absl::Status status = Rendered((many + many + many + end + end + end).c_str()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("does a loop of it never end?"));
}

TEST(ChatTemplateTest, ATemplateThatWritesGigabytesIsCutShort) {
  const std::string page(1 << 20, 'x');
  const absl::Status status =
      Rendered(("{% for i in range(4096) %}" + page + "{% endfor %}").c_str()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("renders more than 64 MiB"));
}

class HungryTemplateTest : public testing::TestWithParam<const char*> {};

TEST_P(HungryTemplateTest, IsRefusedWithTheLimit) {
  const absl::Status status = Rendered(GetParam()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("needs more than 256 MiB of memory"));
}

constexpr const char* kHungry[] = {
    "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "{% set n = namespace(x='ab') %}{% for i in range(60) %}"
    "{% set n.x = n.x.replace('a', 'aaaa') %}{% endfor %}",
    "{% set n = namespace(x='ab') %}{% for i in range(60) %}"
    "{% set y %}{{ n.x }}{{ n.x }}{% endset %}{% set n.x = y %}{% endfor %}",
    "{% set n = namespace(x=[]) %}{% for i in range(999) %}"
    "{% set n.x = n.x + ['a' * 9999999 ~ i] %}{% endfor %}",
    "{% set n = namespace(x=['ab']) %}{% for i in range(40) %}{% set n.x = n.x + n.x %}{% endfor %}"
    "{{ n.x | join('-') | length }}",
    "{{ messages | tojson(indent=99999999999) }}",
    "{{ '{:>9999999999}'.format('x') }}",
    "{{ '%9999999999d' | format(1) }}",
    "{{ 'x'.ljust(9999999999) }}",
    "{{ 'x'.zfill(9999999999) }}",
    "{{ 'x' | center(9999999999) }}",
    "{{ 'x\nx' | indent(9999999999) }}",
    "{{ ['a' * 99999999, 'a' * 99999999, 'a' * 99999999] }}",
};
INSTANTIATE_TEST_SUITE_P(ChatTemplateTest, HungryTemplateTest, testing::ValuesIn(kHungry));

TEST(ChatTemplateTest, AHungryTemplateHarmsNoOther) {
  const ChatTemplate hungry = ChatTemplate::Compile("{{ a * 99999999 }}").value();
  const ChatTemplate frugal = ChatTemplate::Compile("{{ a * 2 }}").value();
  const char* four = "{\"a\": \"abcd\"}";
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(hungry.Render(four, false).ok());
    EXPECT_EQ(frugal.Render(four, false)->text, "abcdabcd");
  }
}

TEST(ChatTemplateTest, AHungryConstantIsRefusedBeforeItIsRendered) {
  std::string source = "{{ 'a' * 99999999";
  for (int i = 0; i < 9; ++i) source += " ~ 'a' * 99999999";
  EXPECT_FALSE(Rendered((source + " }}").c_str()).ok());
}

TEST(ChatTemplateTest, WhatARenderingHeldIsFreeForTheNext) {
  const ChatTemplate compiled = ChatTemplate::Compile("{{ (a * 30000000) | length }}").value();
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(compiled.Render("{\"a\": \"xyz\"}", false).value().text, "90000000");
}

TEST(ChatTemplateTest, MarksOfGenerationAreBytesOfTheText) {
  const ChatTemplate compiled = ChatTemplate::Compile(
                                    "{% for m in messages %}[{% generation %}{{ m.content }}{% "
                                    "endgeneration %}]{%- endfor -%}")
                                    .value();
  EXPECT_TRUE(compiled.marks_generation());
  const RenderedChat rendered = compiled.Render(kVariables, false).value();
  EXPECT_EQ(rendered.text, "[ ¿Qué? ][a\nb]");
  EXPECT_THAT(rendered.generated, testing::ElementsAre(std::pair(1u, 10u), std::pair(12u, 15u)));
  EXPECT_FALSE(ChatTemplate::Compile("{{ 'generation' }}")->marks_generation());
}

TEST(ChatTemplateTest, TextThatHoldsTheMarksThemselvesIsRefused) {
  const ChatTemplate compiled =
      ChatTemplate::Compile("{% generation %}{{ a }}{% endgeneration %}").value();
  const absl::Status status = compiled.Render("{\"a\": \"\ufdd0\"}", false).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ChatTemplate::Compile("{{ a }}")->Render("{\"a\": \"\ufdd0\"}", false)->text, "\ufdd0");
}

TEST(ChatTemplateTest, ANulInATextStaysThere) {
  EXPECT_EQ(ChatTemplate::Compile("{{ a }}")->Render("{\"a\": \"x\\u0000y\"}", false)->text,
            std::string("x\0y", 3));
}

TEST(ChatTemplateTest, VariablesThatAreNotJsonAreAnError) {
  const ChatTemplate compiled = ChatTemplate::Compile("x").value();
  EXPECT_EQ(compiled.Render("{", false).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace strata
