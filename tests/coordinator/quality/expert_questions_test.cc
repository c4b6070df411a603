// Goal: questions are read as written, and a bad line is named, never left out. Method: small
// files.
#include "coordinator/quality/expert_questions.h"

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ExpertQuestionsTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::vector<ExpertQuestion>> Read(const std::string& text) {
    std::ofstream(file_) << text;
    return ReadExpertQuestions(file_);
  }
  void ExpectRefused(const std::string& text, const std::string& words) {
    const absl::Status status = Read(text).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(words));
  }
  Folder folder_;
  std::filesystem::path file_ = folder_.path() / "questions.jsonl";
};

TEST_F(ExpertQuestionsTest, ReadsEachLine) {
  const auto questions = Read(
      "{\"question\":\"¿Qué es?\",\"level\":\"experto\",\"keywords\":[\"a\",\"b\"]}\r\n\n"
      "{\"question\":\"¿Y?\",\"keywords\":[\"c\"],\"author\":\"x\"}");
  ASSERT_TRUE(questions.ok()) << questions.status();
  ASSERT_EQ(questions->size(), 2u);
  EXPECT_EQ((*questions)[0].question, "¿Qué es?");
  EXPECT_EQ((*questions)[0].level, "experto");
  EXPECT_THAT((*questions)[0].keywords, ElementsAre("a", "b"));
  EXPECT_EQ((*questions)[1].level, "");
}

TEST_F(ExpertQuestionsTest, ShowsLevelsFromTheEasyToTheHard) {
  std::vector<ExpertQuestion> questions;
  for (const char* level : {"experto", "otro", "básico", "experto", "avanzado"})
    questions.push_back({"q", level, {"k"}});
  EXPECT_THAT(LevelsOf(questions), ElementsAre("básico", "avanzado", "experto", "otro"));
}

TEST_F(ExpertQuestionsTest, NamesTheLineThatIsNoQuestion) {
  const std::string good = "{\"question\":\"q\",\"keywords\":[\"k\"]}\n";
  ExpectRefused(good + "{", "questions.jsonl:2");
  ExpectRefused(good + "[]", "questions.jsonl:2");
  ExpectRefused("{\"keywords\":[\"k\"]}", "question");
  ExpectRefused("{\"question\":\" \",\"keywords\":[\"k\"]}", "empty");
  ExpectRefused("{\"question\":\"q\"}", "keywords");
  ExpectRefused("{\"question\":\"q\",\"keywords\":[]}", "no keywords");
  ExpectRefused("{\"question\":\"q\",\"keywords\":[\"\"]}", "no list of words");
  ExpectRefused("{\"question\":\"q\",\"keywords\":[3]}", "no list of words");
  ExpectRefused("{\"question\":\"q\",\"keywords\":[\"\\u0301\"]}", "no list of words");
  ExpectRefused("{\"question\":\"q\",\"keywords\":{\"a\":\"k\"}}", "no list of words");
  ExpectRefused("{\"question\":\"q\",\"level\":1,\"keywords\":[\"k\"]}", "level");
}

TEST_F(ExpertQuestionsTest, SaysWhatToWriteWhereThereIsNone) {
  const absl::Status missing = ReadExpertQuestions(folder_.path() / "none").status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_THAT(std::string(missing.message()), HasSubstr("\"keywords\""));
  EXPECT_TRUE(absl::IsOutOfRange(Read("\n").status()));
}

}  // namespace
}  // namespace strata
