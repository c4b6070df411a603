#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <optional>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/catalog/example.h"
#include "coordinator/cli/answer_printer.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/stop_signals.h"

namespace strata {
namespace {

constexpr uint64_t kFileBytesMax = 64 << 20;

struct GenerateOptions {
  BranchOptions branch;
  std::string text, file;
  std::optional<uint64_t> seed;
  GenerateRequest request;
};

std::string WithoutLineBreak(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

// A prompt for each line that is not blank.
absl::StatusOr<std::vector<std::string>> PromptsOf(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kFileBytesMax));
  std::vector<std::string> prompts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!IsBlank(line)) prompts.push_back(WithoutLineBreak(line));
  }
  if (!prompts.empty()) return prompts;
  return absl::InvalidArgumentError(absl::StrCat(file, " has no line that is not blank"));
}

absl::StatusOr<std::vector<std::string>> PromptsOf(const GenerateOptions& options) {
  if (options.text.empty() == options.file.empty()) {
    return absl::InvalidArgumentError(
        "generate takes one of these: a TEXT that is not empty, - for standard input, or --file F");
  }
  if (!options.file.empty()) return PromptsOf(options.file);
  if (options.text != "-") return std::vector<std::string>{options.text};
  return std::vector<std::string>{WithoutLineBreak(
      {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()})};
}

// The time from the first sign of an answer to the last one.
class Stopwatch {
 public:
  void See() {
    last_ = std::chrono::steady_clock::now();
    if (!first_.has_value()) first_ = last_;
  }
  double seconds() const {
    return first_.has_value() ? std::chrono::duration<double>(last_ - *first_).count() : 0;
  }

 private:
  std::optional<std::chrono::steady_clock::time_point> first_;
  std::chrono::steady_clock::time_point last_;
};

// In a terminal only: what the text itself does not show. Answers of one batch tell their time
// themselves, from before their first token; batches that follow one another take `seconds`.
void PrintFigures(const std::vector<Generated>& answers, double seconds) {
  size_t tokens = 0, cut = 0;
  for (const Generated& answer : answers) {
    tokens += answer.ids.size();
    cut += answer.stopped_by == "length";
    seconds = std::max(seconds, answer.seconds);
  }
  std::fprintf(stderr, "\n%zu tokens, %.0f a second", tokens, seconds > 0 ? tokens / seconds : 0.0);
  if (cut > 0) std::fprintf(stderr, "; %zu of %zu cut by length", cut, answers.size());
  std::fprintf(stderr, "\n");
}

absl::StatusOr<ExitCode> RunGenerate(const GenerateOptions& options) {
  ASSIGN_OR_RETURN(const Config config, options.branch.Load());
  CatchStops("strata: stopped before a word was generated; nothing was changed\n");
  GenerateRequest request = options.request;
  ASSIGN_OR_RETURN(request.prompts, PromptsOf(options));
  request.sampling.seed = options.seed.value_or(config.seed);
  const bool terminal = isatty(STDOUT_FILENO) != 0 && !options.branch.json;
  AnswerPrinter printer(options.branch.json ? AnswerStyle::kJson
                        : terminal          ? AnswerStyle::kStreamed
                                            : AnswerStyle::kWhole,
                        request.prompts);
  request.stops = StopsAsked();
  request.on_start = WorkBegins;
  request.on_warning = PrintWarning;
  Stopwatch stopwatch;
  request.on_text = [&](size_t prompt, const std::string& piece) {
    stopwatch.See();
    printer.OnText(prompt, piece);
  };
  request.on_end = [&](size_t prompt, const Generated& answer) {
    stopwatch.See();
    printer.OnEnd(prompt, answer);
  };
  const absl::StatusOr<std::vector<Generated>> answers = Generate(config, request);
  printer.Break();
  RETURN_IF_ERROR(answers.status());
  if (terminal) PrintFigures(*answers, stopwatch.seconds());
  return ExitCode::kOk;
}

void AddSampling(CLI::App* command, GenerateOptions* options) {
  Sampling* const sampling = &options->request.sampling;
  command->add_option("--max-new-tokens", options->request.max_new_tokens, "Tokens of an answer")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
  command
      ->add_option("--temperature", sampling->temperature,
                   "0 takes the likeliest token each time; 1 draws by the model's own odds")
      ->capture_default_str();
  command->add_option("--top-k", sampling->top_k, "Draw among so many of the likeliest; 0 is all")
      ->capture_default_str();
  command
      ->add_option("--top-p", sampling->top_p,
                   "Draw among the likeliest that together have this share; 1 is all")
      ->capture_default_str();
  command
      ->add_option("--repetition-penalty", sampling->repetition_penalty,
                   "Makes tokens that were there before less likely; 1 does not")
      ->capture_default_str();
  command->add_option("--seed", options->seed,
                      "Of the draws: the same seed gives the same answer; default: branch.yaml's");
}

}  // namespace

void AddGenerate(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand("generate", "Answer a text with an adapter");
  auto options = std::make_shared<GenerateOptions>();
  AddBranchOptions(command, &options->branch);
  command->add_option("text", options->text, "The text; - reads it from standard input")
      ->type_name("WORDS");
  command->add_option("--file", options->file, "Answer each line of this file instead")
      ->type_name("FILE");
  AddAdapterOption(command, &options->request.adapter);
  command->add_option("--system", options->request.system, "The system message before the text")
      ->type_name("WORDS");
  command->add_flag("--raw", options->request.raw,
                    "Continue the text as it is, without the chat template");
  AddSampling(command, options.get());
  command
      ->add_option("--batch-size", options->request.batch_size,
                   "Lines that are answered at once: memory only")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  command->callback([=] { *action = [=] { return RunGenerate(*options); }; });
}

}  // namespace strata
