#include "coordinator/run/asking.h"

#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/run/branch_start.h"
#include "coordinator/run/generation.h"

namespace strata {
namespace {

// Of the draws of the bootstrap: always the same, so that the same answers have the same interval.
constexpr uint64_t kBootstrapSeed = 42;

// "current", "previous" and "v2" as the versions they name.
std::string Resolved(const std::string& name, const BranchStore& store) {
  uint32_t number = 0;
  Version version;
  if (name == "current") version = store.current();
  if (name == "previous") version = store.previous();
  if (name.starts_with('v') && absl::SimpleAtoi(name.substr(1), &number)) version = Version(number);
  return version == Version() ? name : VersionName(version);
}

// Where the user names nothing to compare with.
std::string DefaultBeside(const std::string& adapter, const BranchStore& store) {
  if (store.previous() == Version()) return "none";
  const std::string previous = Resolved("previous", store);
  return adapter == previous ? "none" : previous;
}

absl::Status CheckDiffer(const std::string& adapter, const std::string& beside) {
  std::error_code ignored;
  if (adapter != beside && !std::filesystem::equivalent(adapter, beside, ignored))
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("ask compares two adapters, and both are ", adapter,
                   "; name another by --beside: a version, a folder, or none for the base alone"));
}

absl::StatusOr<std::vector<ScoredAnswer>> AnswersOf(const Config& config, const AskRequest& request,
                                                    const std::string& adapter,
                                                    const std::vector<ExpertQuestion>& questions,
                                                    size_t answered_before) {
  GenerateRequest generate;
  for (const ExpertQuestion& question : questions) generate.prompts.push_back(question.question);
  generate.adapter = adapter;
  generate.max_new_tokens = request.max_new_tokens;
  generate.stops = request.stops;
  generate.on_start = request.on_start;
  generate.on_warning = request.on_warning;
  size_t answered = answered_before;
  generate.on_end = [&](size_t, const Generated&) {
    if (request.on_answer) request.on_answer(++answered, 2 * questions.size());
  };
  ASSIGN_OR_RETURN(const std::vector<Generated> generated, Generate(config, generate));
  std::vector<ScoredAnswer> answers;
  for (size_t i = 0; i < questions.size(); ++i) {
    answers.push_back({generated[i].text,
                       ScoreAnswer(generated[i].text, questions[i].keywords, request.full_words)});
  }
  return answers;
}

void Add(const AnswerScore& score, double weight, AnswerScore* sum) {
  sum->keywords += weight * score.keywords;
  sum->length += weight * score.length;
  sum->distinct += weight * score.distinct;
}

LevelScore MeanOf(const std::vector<const AskedQuestion*>& asked, const std::string& level) {
  LevelScore mean;
  mean.level = level;
  mean.questions = asked.size();
  for (const AskedQuestion* question : asked) {
    Add(question->answer.score, 1.0 / static_cast<double>(asked.size()), &mean.answer);
    Add(question->beside.score, 1.0 / static_cast<double>(asked.size()), &mean.beside);
  }
  return mean;
}

}  // namespace

absl::StatusOr<AskResult> Ask(const Config& config, const AskRequest& request) {
  ASSIGN_OR_RETURN(const std::vector<ExpertQuestion> questions,
                   ReadExpertQuestions(request.questions.empty()
                                           ? config.branch / "evaluation" / "questions.jsonl"
                                           : request.questions));
  ASSIGN_OR_RETURN(const BranchStore store, OpenBranchStore(config));
  AskResult result;
  result.adapter = Resolved(request.adapter, store);
  result.beside = request.beside.empty() ? DefaultBeside(result.adapter, store)
                                         : Resolved(request.beside, store);
  RETURN_IF_ERROR(CheckDiffer(result.adapter, result.beside));
  ASSIGN_OR_RETURN(const std::vector<ScoredAnswer> answers,
                   AnswersOf(config, request, result.adapter, questions, 0));
  ASSIGN_OR_RETURN(const std::vector<ScoredAnswer> others,
                   AnswersOf(config, request, result.beside, questions, questions.size()));
  for (size_t i = 0; i < questions.size(); ++i)
    result.questions.push_back({questions[i], answers[i], others[i]});
  return result;
}

LevelScore MeanOfLevel(const AskResult& result, const std::string& level) {
  std::vector<const AskedQuestion*> asked;
  for (const AskedQuestion& question : result.questions) {
    if (question.question.level == level) asked.push_back(&question);
  }
  return MeanOf(asked, level);
}

LevelScore MeanOfAll(const AskResult& result) {
  std::vector<const AskedQuestion*> asked;
  for (const AskedQuestion& question : result.questions) asked.push_back(&question);
  return MeanOf(asked, "");
}

AskDifference DifferenceOf(const AskResult& result) {
  std::vector<double> total, keywords;
  for (const AskedQuestion& question : result.questions) {
    total.push_back(question.answer.score.total() - question.beside.score.total());
    keywords.push_back(question.answer.score.keywords - question.beside.score.keywords);
  }
  return {Bootstrap(total, kBootstrapSeed), Bootstrap(keywords, kBootstrapSeed)};
}

}  // namespace strata
