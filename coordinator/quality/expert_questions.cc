#include "coordinator/quality/expert_questions.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/json.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/quality/answer_score.h"

namespace strata {
namespace {

constexpr uint64_t kFileBytesMax = 16 << 20;
constexpr char kExample[] =
    R"({"question": "¿Qué es el parentesco?", "level": "básico", "keywords": ["familia"]})";
constexpr std::array<std::string_view, 4> kLevels = {"básico", "intermedio", "avanzado", "experto"};

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

absl::StatusOr<std::vector<std::string>> KeywordsOf(const Json& line, std::string_view where) {
  ASSIGN_OR_RETURN(const Json* list, JsonNested(line, "keywords", where));
  const auto no_list = [&] {
    return absl::DataLossError(absl::StrCat(
        "keywords of ", absl::string_view(where.data(), where.size()), " is no list of words"));
  };
  if (!list->is_array()) return no_list();
  std::vector<std::string> keywords;
  for (const Json& keyword : *list) {
    // What folds to nothing would be found in every answer.
    if (!keyword.is_string() || Folded(keyword.get<std::string>()).empty()) return no_list();
    keywords.push_back(keyword.get<std::string>());
  }
  if (!keywords.empty()) return keywords;
  return absl::DataLossError(absl::StrCat(absl::string_view(where.data(), where.size()),
                                          " has no keywords: give at least one"));
}

absl::StatusOr<ExpertQuestion> QuestionOf(std::string_view text, const std::string& where) {
  ASSIGN_OR_RETURN(const Json line, ParseJson(text, where));
  ExpertQuestion question;
  ASSIGN_OR_RETURN(question.question, JsonString(line, "question", where));
  if (IsBlank(question.question))
    return absl::DataLossError(absl::StrCat("the question of ", where, " is empty"));
  if (line.contains("level")) {
    ASSIGN_OR_RETURN(question.level, JsonString(line, "level", where));
  }
  ASSIGN_OR_RETURN(question.keywords, KeywordsOf(line, where));
  return question;
}

}  // namespace

absl::StatusOr<std::vector<ExpertQuestion>> ReadExpertQuestions(const std::filesystem::path& file) {
  const absl::StatusOr<std::string> text = ReadFile(file, kFileBytesMax);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(absl::StrCat("there are no expert questions at ", file.string(),
                                            "; write some, one JSON object a line: ", kExample));
  }
  RETURN_IF_ERROR(text.status());
  std::vector<ExpertQuestion> questions;
  uint64_t number = 0;
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    ++number;
    const std::string_view content(line.data(), line.size());
    if (IsBlank(content)) continue;
    absl::StatusOr<ExpertQuestion> question =
        QuestionOf(content, absl::StrCat(file.string(), ":", number));
    if (!question.ok()) {
      return absl::DataLossError(
          absl::StrCat(question.status().message(), "; a line is ", kExample));
    }
    questions.push_back(*std::move(question));
  }
  if (questions.empty()) {
    return absl::OutOfRangeError(absl::StrCat(
        file.string(), " holds no question; write some, one JSON object a line: ", kExample));
  }
  return questions;
}

std::vector<std::string> LevelsOf(const std::vector<ExpertQuestion>& questions) {
  std::vector<std::string> found, levels;
  for (const ExpertQuestion& question : questions) {
    if (std::find(found.begin(), found.end(), question.level) == found.end())
      found.push_back(question.level);
  }
  for (const std::string_view known : kLevels) {
    if (std::erase(found, known) > 0) levels.emplace_back(known);
  }
  levels.insert(levels.end(), found.begin(), found.end());
  return levels;
}

}  // namespace strata
