#include "coordinator/cli/answer_printer.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "common/json.h"
#include "coordinator/cli/text_width.h"

namespace strata {
namespace {

Json ToJson(const std::string& prompt, const Generated& answer) {
  const double rate = answer.seconds > 0 ? answer.ids.size() / answer.seconds : 0;
  return {{"prompt", prompt},
          {"text", answer.text},
          {"ids", answer.ids},
          {"tokens", answer.ids.size()},
          {"prompt_tokens", answer.prompt_tokens},
          {"seconds", answer.seconds},
          {"tokens_per_second", rate},
          {"stopped_by", answer.stopped_by}};
}

// What a model writes must not move a cursor; lines and tabs are its own.
std::string ShownInTerminal(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("\n\t"), text.size());
    shown += Printable(text.substr(0, end));
    if (end < text.size()) shown += text[end];
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return shown;
}

}  // namespace

AnswerPrinter::AnswerPrinter(AnswerStyle style, const std::vector<std::string>& prompts)
    : style_(style), prompts_(prompts) {}

void AnswerPrinter::OnText(size_t prompt, const std::string& piece) {
  if (style_ == AnswerStyle::kJson) return;
  waiting_[prompt] += piece;
  if (style_ == AnswerStyle::kStreamed && prompt == shown_) ShowWaiting();
}

void AnswerPrinter::OnEnd(size_t prompt, const Generated& answer) {
  ended_[prompt] = answer;
  for (auto next = ended_.find(shown_); next != ended_.end(); next = ended_.find(shown_)) {
    ShowEnd(next->second);
    ended_.erase(next);
    ++shown_;
    head_shown_ = false;
  }
  if (style_ == AnswerStyle::kStreamed && waiting_.count(shown_) != 0) ShowWaiting();
}

void AnswerPrinter::Break() {
  if (in_line_) std::printf("\n");
  in_line_ = false;
}

void AnswerPrinter::ShowHead() {
  if (!head_shown_ && prompts_.size() > 1)
    std::printf("%s[%zu/%zu] %s\n", shown_ > 0 ? "\n" : "", shown_ + 1, prompts_.size(),
                prompts_[shown_].c_str());
  head_shown_ = true;
}

void AnswerPrinter::ShowWaiting() {
  ShowHead();
  const std::string& text = waiting_[shown_];
  const std::string shown = style_ == AnswerStyle::kStreamed ? ShownInTerminal(text) : text;
  std::fwrite(shown.data(), 1, shown.size(), stdout);
  std::fflush(stdout);
  waiting_.erase(shown_);
  in_line_ = true;
}

void AnswerPrinter::ShowEnd(const Generated& answer) {
  if (style_ == AnswerStyle::kJson) {
    std::printf("%s\n", DumpJson(ToJson(prompts_[shown_], answer)).c_str());
  } else {
    ShowWaiting();
    std::printf("\n");
    in_line_ = false;
  }
  std::fflush(stdout);
}

}  // namespace strata
