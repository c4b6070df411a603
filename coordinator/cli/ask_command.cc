#include <cstdio>

#include "absl/strings/str_format.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/stop_signals.h"
#include "coordinator/run/asking.h"

namespace strata {
namespace {

struct AskOptions {
  BranchOptions branch;
  AskRequest request;
  bool answers = false;
};

Json ToJson(const AnswerScore& score) {
  return {{"total", score.total()},
          {"keywords", score.keywords},
          {"length", score.length},
          {"distinct", score.distinct}};
}

Json ToJson(const PairedDifference& difference) {
  return {{"mean", difference.mean}, {"low", difference.low}, {"high", difference.high}};
}

Json ToJson(const LevelScore& score) {
  return {{"level", score.level},
          {"questions", score.questions},
          {"adapter", ToJson(score.answer)},
          {"beside", ToJson(score.beside)}};
}

Json ToJson(const AskResult& result) {
  Json json = {{"adapter", result.adapter}, {"beside", result.beside}, {"levels", Json::array()}};
  std::vector<ExpertQuestion> questions;
  for (const AskedQuestion& asked : result.questions) questions.push_back(asked.question);
  for (const std::string& level : LevelsOf(questions))
    json["levels"].push_back(ToJson(MeanOfLevel(result, level)));
  json["all"] = ToJson(MeanOfAll(result));
  const AskDifference difference = DifferenceOf(result);
  json["difference"] = {{"total", ToJson(difference.total)},
                        {"keywords", ToJson(difference.keywords)}};
  json["questions"] = Json::array();
  for (const AskedQuestion& asked : result.questions) {
    json["questions"].push_back(
        {{"question", asked.question.question},
         {"level", asked.question.level},
         {"keywords", asked.question.keywords},
         {"adapter", {{"answer", asked.answer.text}, {"score", ToJson(asked.answer.score)}}},
         {"beside", {{"answer", asked.beside.text}, {"score", ToJson(asked.beside.score)}}}});
  }
  return json;
}

void PrintAnswers(const AskResult& result) {
  for (const AskedQuestion& asked : result.questions) {
    std::printf("\n%s%s%s\n", asked.question.question.c_str(),
                asked.question.level.empty() ? "" : "  · ", asked.question.level.c_str());
    std::printf("  %s %.2f  %s\n", result.adapter.c_str(), asked.answer.score.total(),
                asked.answer.text.c_str());
    std::printf("  %s %.2f  %s\n", result.beside.c_str(), asked.beside.score.total(),
                asked.beside.text.c_str());
  }
  std::printf("\n");
}

void PrintRow(const LevelScore& score, const char* name) {
  std::printf("%s", absl::StrFormat("%-12s %9d  %7.3f %7.3f  %+7.3f   %7.2f %7.2f\n", name,
                                    score.questions, score.answer.total(), score.beside.total(),
                                    score.answer.total() - score.beside.total(),
                                    score.answer.keywords, score.beside.keywords)
                        .c_str());
}

// "+0.41 (95 %: +0.33 to +0.49)", and a word where that says nothing.
std::string Shown(const PairedDifference& difference) {
  return absl::StrFormat("%+.3f (95 %%: %+.3f to %+.3f)%s", difference.mean, difference.low,
                         difference.high,
                         difference.excludes_zero() ? "" : ", which may be chance");
}

void PrintText(const AskResult& result) {
  std::vector<ExpertQuestion> questions;
  for (const AskedQuestion& asked : result.questions) questions.push_back(asked.question);
  const std::string one = result.adapter.substr(0, 7), two = result.beside.substr(0, 7);
  std::printf("%-12s %9s  %15s  %7s   %15s\n", "", "", "score", "", "keywords");
  std::printf("%-12s %9s  %7s %7s  %7s   %7s %7s\n", "level", "questions", one.c_str(), two.c_str(),
              "gain", one.c_str(), two.c_str());
  for (const std::string& level : LevelsOf(questions))
    PrintRow(MeanOfLevel(result, level), level.empty() ? "-" : level.c_str());
  PrintRow(MeanOfAll(result), "all");
  const AskDifference difference = DifferenceOf(result);
  std::printf("\n%s beside %s: score %s\n%*s keywords %s\n", result.adapter.c_str(),
              result.beside.c_str(), Shown(difference.total).c_str(),
              static_cast<int>(result.adapter.size() + result.beside.size() + 9), "",
              Shown(difference.keywords).c_str());
}

absl::StatusOr<ExitCode> RunAsk(const AskOptions& options) {
  ASSIGN_OR_RETURN(const Config config, options.branch.Load());
  CatchStops("strata: stopped before a question was answered; nothing was changed\n");
  AskRequest request = options.request;
  request.stops = StopsAsked();
  request.on_start = WorkBegins;
  ASSIGN_OR_RETURN(const AskResult result, Ask(config, request));
  if (options.branch.json) {
    std::printf("%s\n", DumpJson(ToJson(result), 1).c_str());
    return ExitCode::kOk;
  }
  if (options.answers) PrintAnswers(result);
  PrintText(result);
  return ExitCode::kOk;
}

}  // namespace

void AddAsk(CLI::App* app, Action* action) {
  CLI::App* command =
      app->add_subcommand("ask", "Put expert questions to two adapters and score their answers");
  command->footer(
      "A question is a line {\"question\": …, \"level\": …, \"keywords\": […]}. An answer's score "
      "is 0.5 × the share of its keywords\nfound, 0.2 × its length (in full from --full-words on) "
      "and 0.3 × the share of its words that are different.");
  auto options = std::make_shared<AskOptions>();
  AddBranchOptions(command, &options->branch);
  command->add_option("--questions", options->request.questions,
                      "A JSONL file; default: evaluation/questions.jsonl of the branch");
  command
      ->add_option("--adapter", options->request.adapter,
                   "current, previous, none, a version, or an adapter's folder")
      ->capture_default_str();
  command->add_option("--beside", options->request.beside,
                      "What to compare with; default: previous, or none (the base alone)");
  command->add_flag("--answers", options->answers, "Print the answers too");
  command->add_option("--max-new-tokens", options->request.max_new_tokens, "Tokens of an answer")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command
      ->add_option("--full-words", options->request.full_words,
                   "Words from which on an answer's length counts in full")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->callback([=] { *action = [=] { return RunAsk(*options); }; });
}

}  // namespace strata
