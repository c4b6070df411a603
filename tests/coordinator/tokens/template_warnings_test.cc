// Goal: a template by which a model would not learn to stop, or would learn a header that no prompt
// gives it, is told; no other is. Method: small templates on the base of tests/testdata, and those
// of models.
#include "coordinator/tokens/template_warnings.h"

#include "common/posix_file.h"
#include "gmock/gmock.h"
#include "tests/common/base_folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class TemplateWarningsTest : public testing::Test {
 protected:
  std::vector<std::string> Of(const std::string& source, Learnt learnt = Learnt::kAnswers) const {
    return TemplateWarnings(
        ExampleTokenizer::Open(base_.path(), {TemplateSource{source, "a test"}, learnt}).value());
  }
  // Each message behind a header; `answer` writes those of the assistant.
  std::vector<std::string> OfMarked(const std::string& answer) const {
    return Of(
        "{% for m in messages %}<{{ m.role }}>{% if m.role == 'user' %}{{ m.content }}"
        "{% else %}" +
        answer + "{% endif %}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}");
  }

  BaseFolder base_;
};

TEST_F(TemplateWarningsTest, TheBuiltInTemplateHasNone) {
  EXPECT_THAT(Of(kDefaultChatTemplate), IsEmpty());
}

TEST_F(TemplateWarningsTest, AMarkThatEndsBeforeTheClosingTokenIsTold) {
  EXPECT_THAT(
      OfMarked("{% generation %}{{ m.content }}{% endgeneration %}{{ eos_token }}"),
      ElementsAre(testing::AllOf(HasSubstr("mark ends before </s>"), HasSubstr("endgeneration"),
                                 HasSubstr("name the copy in chat_template"))));
}

TEST_F(TemplateWarningsTest, AMarkThatHoldsTheClosingTokenIsNot) {
  EXPECT_THAT(OfMarked("{% generation %}{{ m.content + eos_token }}{% endgeneration %}"),
              IsEmpty());
}

TEST_F(TemplateWarningsTest, AMarkWithNothingBehindItIsNot) {
  EXPECT_THAT(OfMarked("{% generation %}{{ m.content }}{% endgeneration %}"), IsEmpty());
}

TEST_F(TemplateWarningsTest, WhereAllIsLearntNoMarkEndsTooSoon) {
  EXPECT_THAT(Of("{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}"
                 "{{ eos_token }}{% endfor %}",
                 Learnt::kAll),
              IsEmpty());
}

TEST_F(TemplateWarningsTest, AHeaderThatNoPromptGivesIsTold) {
  const auto warnings =
      Of("{% for m in messages %}<{{ m.role }}>{{ m.content + eos_token }}{% endfor %}");
  EXPECT_THAT(warnings, ElementsAre(testing::AllOf(HasSubstr("writes \"<assistant>\" before an"),
                                                   HasSubstr("if add_generation_prompt"))));
}

TEST_F(TemplateWarningsTest, AnAnswerWithoutAHeaderNeedsNone) {
  EXPECT_THAT(Of("{% for m in messages %}{{ '[' + m.content + '] ' if m.role == 'user' else "
                 "m.content + eos_token }}{% endfor %}"),
              IsEmpty());
}

TEST_F(TemplateWarningsTest, ModelsOwnTemplatesHaveNone) {
  const std::filesystem::path folder = STRATA_TESTDATA "/../common/huggingface/templates";
  int tried = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".jinja") continue;
    EXPECT_THAT(Of(ReadFile(file.path(), 1 << 20).value()), IsEmpty()) << file.path();
    ++tried;
  }
  EXPECT_GE(tried, 20);
}

TEST_F(TemplateWarningsTest, ATemplateThatRefusesIsToldByTheExamples) {
  EXPECT_THAT(Of("{% generation %}{{ raise_exception('no') }}{% endgeneration %}"), IsEmpty());
}

}  // namespace
}  // namespace strata
