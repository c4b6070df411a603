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
  return compiled->Render(kVariables, generation_prompt);
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

TEST(ChatTemplateTest, VariablesThatAreNotJsonAreAnError) {
  const ChatTemplate compiled = ChatTemplate::Compile("x").value();
  EXPECT_EQ(compiled.Render("{", false).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace strata
