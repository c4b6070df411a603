// Goal: the template that a branch asks for is found wherever the base keeps it, or it is said what
// is missing. Method: the base of tests/testdata, given templates one way at a time.
#include "coordinator/tokens/template_source.h"

#include "coordinator/tokens/example_tokenizer.h"
#include "gmock/gmock.h"
#include "tests/common/base_folder.h"

namespace strata {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr char kNames[] = "tokenizer_config.json";

class TemplateSourceTest : public testing::Test {
 protected:
  absl::StatusOr<TemplateSource> Chosen(const std::string& choice = "model") const {
    return ChosenTemplate(base_.path(), choice);
  }
  std::string Text() const { return Chosen()->text; }
  std::string Said(const absl::Status& status, absl::StatusCode code) const {
    EXPECT_EQ(status.code(), code) << status;
    return std::string(status.message());
  }
  BaseFolder base_;
};

TEST_F(TemplateSourceTest, TheBuiltInOneNeedsNothing) {
  EXPECT_EQ(Chosen("default")->text, kDefaultChatTemplate);
}

TEST_F(TemplateSourceTest, TheModelsIsBesideTheWeightsOrInTheTokenizersSettings) {
  base_.Set(kNames, "chat_template", "in settings");
  EXPECT_EQ(Text(), "in settings");
  EXPECT_THAT(Chosen()->origin, HasSubstr(kNames));
  base_.Write("chat_template.jinja", "beside");
  EXPECT_EQ(Text(), "beside");
}

TEST_F(TemplateSourceTest, OfSeveralTheDefaultIsTaken) {
  base_.Set(kNames, "chat_template",
            {{{"name", "tool_use"}, {"template", "t"}}, {{"name", "default"}, {"template", "d"}}});
  EXPECT_EQ(Text(), "d");
}

TEST_F(TemplateSourceTest, ABaseWithoutOneIsRefusedWithWhatToDo) {
  const std::string said = Said(Chosen().status(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(said, AllOf(HasSubstr("chat_template is model"), HasSubstr(base_.path().string()),
                          HasSubstr("name a .jinja file"), HasSubstr("chat_template: default")));
  base_.Set(kNames, "chat_template", nullptr);
  Said(Chosen().status(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(TemplateSourceTest, SettingsWithSomethingElseThereAreNamed) {
  for (const Json& other : {Json(5), Json::object(), Json::array(), Json({{{"name", "x"}}})}) {
    base_.Set(kNames, "chat_template", other);
    EXPECT_THAT(Said(Chosen().status(), absl::StatusCode::kDataLoss), HasSubstr(kNames));
  }
}

TEST_F(TemplateSourceTest, AFileThatIsMissingOrEmptyIsNamed) {
  const std::string file = (base_.path() / "mine.jinja").string();
  EXPECT_THAT(Said(Chosen(file).status(), absl::StatusCode::kFailedPrecondition), HasSubstr(file));
  base_.Write("mine.jinja", "");
  EXPECT_THAT(Said(Chosen(file).status(), absl::StatusCode::kDataLoss), HasSubstr(file));
  base_.Write("mine.jinja", "{{ messages }}");
  EXPECT_EQ(Chosen(file)->text, "{{ messages }}");
}

TEST_F(TemplateSourceTest, AFileThatIsNoTemplateIsNamedWithItsLine) {
  const std::string file = base_.Write("mine.jinja", "x\n{% for %}\n").string();
  const absl::Status status = ExampleTokenizer::Open(base_.path(), {*Chosen(file), {}}).status();
  EXPECT_THAT(Said(status, absl::StatusCode::kDataLoss),
              AllOf(HasSubstr(file), HasSubstr("chat_template:2")));
}

TEST_F(TemplateSourceTest, TokensAreNamedAsTransformersNamesThem) {
  base_.Set(kNames, "bos_token", {{"content", "<s>"}, {"lstrip", false}});
  base_.Set(kNames, "pad_token", nullptr);
  EXPECT_EQ(NamedTokens(base_.path()), Json({{"bos_token", "<s>"}, {"eos_token", "</s>"}}));
  base_.Write("special_tokens_map.json",
              R"({"eos_token": "<e>", "unk_token": {"content": "<u>"}})");
  EXPECT_EQ(NamedTokens(base_.path()),
            Json({{"bos_token", "<s>"}, {"eos_token", "<e>"}, {"unk_token", "<u>"}}));
  base_.Set(kNames, "added_tokens_decoder", Json::object());
  EXPECT_EQ(NamedTokens(base_.path()), Json({{"bos_token", "<s>"}, {"eos_token", "</s>"}}));
}

TEST_F(TemplateSourceTest, ATemplatesTextIsPartOfThePrintOfTheTokens) {
  const auto print = [&](const char* text, Learnt learnt = Learnt::kAnswers) {
    return ExampleTokenizer::Open(base_.path(), {{text, "t"}, learnt})->fingerprint();
  };
  EXPECT_EQ(print("{{ messages }}"), print("{{ messages }}"));
  EXPECT_NE(print("{{ messages }}"), print("{{  messages }}"));
  EXPECT_NE(print("{{ messages }}"), print("{{ messages }}", Learnt::kCompletion));
}

TEST_F(TemplateSourceTest, WhatClosesATurnStopsAnAnswer) {
  const auto stops = [&](const char* text) {
    return ExampleTokenizer::Open(base_.path(), {{text, "t"}, {}})->stop_ids();
  };
  EXPECT_THAT(stops(kDefaultChatTemplate), testing::ElementsAre(1));
  EXPECT_THAT(stops("{% for m in messages %}{{ m.content + '<s>\n' }}{% endfor %}"),
              testing::ElementsAre(1, 0));
  EXPECT_THAT(stops("{% for m in messages %}{{ m.content }}{% endfor %}"), testing::ElementsAre(1));
  EXPECT_THAT(stops("{{ raise_exception('no') }}"), testing::ElementsAre(1));
}

}  // namespace
}  // namespace strata
