#include "coordinator/tokens/template_warnings.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

constexpr char kNameACopy[] = " in a copy of the template, and name the copy in chat_template";

std::vector<Message> Question() { return {{"user", "¿Qué?"}}; }

bool IsSupervised(const TokenizedExample& example, uint32_t at) {
  return std::any_of(example.supervised.begin(), example.supervised.end(),
                     [&](const Span& span) { return span.begin <= at && at < span.end; });
}

// A mark of generation that ends before what closes the answer.
std::string UnlearntEnd(const ExampleTokenizer& tokenizer) {
  if (!tokenizer.style().chat_template.marks_generation()) return "";
  Example example;
  example.messages = Question();
  example.messages.push_back({"assistant", "Esto."});
  const absl::StatusOr<TokenizedExample> tried = tokenizer.Tokenize(example);
  if (!tried.ok() || tried->supervised.empty()) return "";
  const std::vector<uint32_t>& stops = tokenizer.stop_ids();
  const auto end = std::find_first_of(tried->ids.begin() + tried->supervised.front().begin,
                                      tried->ids.end(), stops.begin(), stops.end());
  if (end == tried->ids.end()) return "";
  if (IsSupervised(*tried, static_cast<uint32_t>(end - tried->ids.begin()))) return "";
  return absl::StrCat("the chat template's {% generation %} mark ends before ",
                      tokenizer.tokenizer().TokenOf(*end),
                      ", which closes an answer, so that no example teaches the model to stop "
                      "there: put {% endgeneration %} behind it",
                      kNameACopy);
}

// What stands before every answer and is not there when one is asked for.
std::string UnpromptedHeader(const ExampleTokenizer& tokenizer) {
  if (!tokenizer.style().bare) return "";
  const std::string header = UnpromptedHeaderOf(Question(), tokenizer.style()).value_or("");
  if (header.empty()) return "";
  const char* learnt = tokenizer.style().chat_template.marks_generation()
                           ? "is neither learnt nor given to a model that is asked"
                           : "is learnt as part of every answer, and a model that is asked has to "
                             "write it first";
  return absl::StrCat("the chat template writes ", DumpJson(Json(header)),
                      " before an answer but not when one is asked for (add_generation_prompt "
                      "changes nothing), so that it ",
                      learnt, ": write it within {% if add_generation_prompt %} at the end",
                      kNameACopy);
}

}  // namespace

std::vector<std::string> TemplateWarnings(const ExampleTokenizer& tokenizer) {
  std::vector<std::string> warnings = {UnlearntEnd(tokenizer), UnpromptedHeader(tokenizer)};
  std::erase(warnings, "");
  return warnings;
}

}  // namespace strata
