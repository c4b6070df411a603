// Prints the ids of each line of standard input, and which are supervised, as a branch with that
// base and chat template would train them: what chat_tokens_parity_test.py compares.
// usage: tokenize_lines BASE CHAT_TEMPLATE LEARNT <LINES; LEARNT is answers, every_answer,
// completion or all. Each line is answered by {"ids", "supervised": [[begin, end]], "prompt",
// "stops"} or {"error"}; "prompt" are the ids before the last answer when it is asked for.
#include <iostream>
#include <string>

#include "common/json.h"
#include "coordinator/tokens/example_tokenizer.h"

namespace {

using namespace strata;

Learnt LearntNamed(const std::string& name) {
  if (name == "answers") return Learnt::kAnswers;
  if (name == "every_answer") return Learnt::kEveryAnswer;
  return name == "completion" ? Learnt::kCompletion : Learnt::kAll;
}

Json Answer(const ExampleTokenizer& tokenizer, const std::string& line) {
  ExampleReader reader;
  Example example;
  const auto error = [](const absl::Status& status) {
    return Json{{"error", std::string(status.message())}};
  };
  if (const absl::Status read = reader.Read(line, &example); !read.ok()) return error(read);
  const absl::StatusOr<TokenizedExample> tokenized = tokenizer.Tokenize(example);
  if (!tokenized.ok()) return error(tokenized.status());
  Json answer = {{"ids", tokenized->ids},
                 {"supervised", Json::array()},
                 {"prompt", nullptr},
                 {"stops", tokenizer.stop_ids()}};
  for (const Span& span : tokenized->supervised)
    answer["supervised"].push_back({span.begin, span.end});
  if (example.is_text()) return answer;
  example.messages.pop_back();
  const auto prompt = tokenizer.TokenizePrompt(example.messages);
  if (!prompt.ok()) return error(prompt.status());
  answer["prompt"] = *prompt;
  return answer;
}

}  // namespace

int main(int, char** argv) {
  const auto chosen = ChosenTemplate(argv[1], argv[2]);
  const auto tokenizer = chosen.ok()
                             ? ExampleTokenizer::Open(argv[1], {*chosen, LearntNamed(argv[3])})
                             : absl::StatusOr<ExampleTokenizer>(chosen.status());
  if (!tokenizer.ok()) {
    std::cerr << tokenizer.status() << "\n";
    return 65;
  }
  for (std::string line; std::getline(std::cin, line);)
    std::cout << DumpJson(Answer(*tokenizer, line)) << "\n";
  return 0;
}
