#include <algorithm>
#include <cstdio>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/stop_signals.h"
#include "coordinator/cli/terminal.h"
#include "coordinator/cli/text_table.h"
#include "coordinator/run/asking.h"

namespace strata {
namespace {

// Fewer differences have all one sign by chance in more than 5 % of all cases (2 · 0.5⁵ is 6 %),
// and the bootstrap's interval excludes 0 then.
constexpr size_t kSureQuestionsMin = 6;

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

// A line break of the text is one here too, where a sentence would show it as "?".
void PrintLines(std::string_view text, Style style, const Terminal& terminal) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::printf("%s", Sentence(text.substr(0, end), style, terminal).c_str());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void PrintAnswers(const AskResult& result, const Terminal& terminal) {
  const auto print = [&](const std::string& adapter, const ScoredAnswer& answer) {
    PrintLines(absl::StrFormat("%s, %.2f: %s", adapter, answer.score.total(), answer.text),
               Style::kPlain, terminal);
  };
  for (const AskedQuestion& asked : result.questions) {
    const std::string level =
        asked.question.level.empty() ? "" : absl::StrCat(" (", asked.question.level, ")");
    std::printf("\n");
    PrintLines(asked.question.question + level, Style::kBold, terminal);
    print(result.adapter, asked.answer);
    print(result.beside, asked.beside);
  }
  std::printf("\n");
}

void AddScores(const LevelScore& score, const std::string& name, TextTable* table) {
  const double gain = score.answer.total() - score.beside.total();
  table->AddRow({{name},
                 {absl::StrCat(score.questions)},
                 {absl::StrFormat("%.3f", score.answer.total()), Style::kBold},
                 {absl::StrFormat("%.3f", score.beside.total())},
                 {absl::StrFormat("%+.3f", gain), gain > 0 ? Style::kGreen : Style::kYellow},
                 {absl::StrFormat("%.2f", score.answer.keywords)},
                 {absl::StrFormat("%.2f", score.beside.keywords)}});
}

// "+0.410 (95 %: +0.330 to +0.490)", and a word where that says nothing.
std::string Shown(const PairedDifference& difference, size_t questions) {
  const bool sure = questions >= kSureQuestionsMin && difference.excludes_zero();
  return absl::StrFormat("%+.3f (95 %%: %+.3f to %+.3f)%s", difference.mean, difference.low,
                         difference.high, sure ? "" : ", which may be chance");
}

void PrintScores(const AskResult& result, const Terminal& terminal) {
  std::vector<ExpertQuestion> questions;
  for (const AskedQuestion& asked : result.questions) questions.push_back(asked.question);
  TextTable table({{"level"},
                   {"questions", true, false, /*leaves=*/2},
                   {result.adapter, true, /*shrinks=*/true},
                   {result.beside, true, /*shrinks=*/true},
                   {"gain", true},
                   {"keywords " + result.adapter, true, false, /*leaves=*/1},
                   {"keywords " + result.beside, true, false, /*leaves=*/1}});
  for (const std::string& level : LevelsOf(questions))
    AddScores(MeanOfLevel(result, level), level.empty() ? "-" : level, &table);
  AddScores(MeanOfAll(result), "all", &table);
  std::printf("%s", table.Render(terminal).c_str());
  const AskDifference difference = DifferenceOf(result);
  std::printf("%s", Sentence(absl::StrCat(result.adapter, " beside ", result.beside, ": score ",
                                          Shown(difference.total, questions.size()), "; keywords ",
                                          Shown(difference.keywords, questions.size())),
                             Style::kPlain, terminal)
                        .c_str());
}

absl::StatusOr<ExitCode> RunAsk(const AskOptions& options) {
  ASSIGN_OR_RETURN(const Config config, options.branch.Load());
  CatchStops("strata: stopped before a question was answered; nothing was changed\n");
  AskRequest request = options.request;
  request.stops = StopsAsked();
  request.on_start = WorkBegins;
  request.on_warning = PrintWarning;
  const bool shows = Terminal::Of(fileno(stderr)).draws && !options.branch.json;
  if (shows) {
    request.on_answer = [](size_t done, size_t count) {
      std::fprintf(stderr, "\r\033[Kanswered %zu of %zu", done, count);
    };
  }
  const absl::StatusOr<AskResult> result = Ask(config, request);
  if (shows) std::fprintf(stderr, "\r\033[K");
  RETURN_IF_ERROR(result.status());
  if (options.branch.json) {
    std::printf("%s\n", DumpJson(ToJson(*result), 1).c_str());
    return ExitCode::kOk;
  }
  const Terminal terminal = Terminal::Of(fileno(stdout));
  if (options.answers) PrintAnswers(*result, terminal);
  PrintScores(*result, terminal);
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
  command
      ->add_option("--questions", options->request.questions,
                   "A JSONL file; default: evaluation/questions.jsonl of the branch")
      ->type_name("FILE");
  AddAdapterOption(command, &options->request.adapter);
  command
      ->add_option(
          "--beside", options->request.beside,
          "What to compare with; default: previous, or none (the base alone) where that is "
          "--adapter or there is none")
      ->type_name(kAdapterValue);
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
