#include "coordinator/tokens/conversation_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

// An answer that no template has a reason to change, and no conversation has.
constexpr char kProbe[] = "strata5c0ffee9probe";

using Bytes = std::pair<uint32_t, uint32_t>;
using Messages = std::vector<Message>;

bool IsPrefix(const std::string& prefix, const std::string& text) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

// It is appended as an id, so that no tokenizer can split it and none comes twice.
void DropClosingToken(const ChatStyle& style, std::string* text) {
  const std::string eos_token = JsonString(style.tokens, "eos_token", "tokens").value_or("");
  if (text->ends_with(eos_token)) text->resize(text->size() - eos_token.size());
}

absl::StatusOr<RenderedChat> Render(const Messages& messages, size_t count, const ChatStyle& style,
                                    bool generation_prompt) {
  Json list = Json::array();
  for (size_t i = 0; i < count; ++i)
    list.push_back({{"role", messages[i].role}, {"content", messages[i].content}});
  Json variables = style.tokens;
  variables["messages"] = std::move(list);
  variables["tools"] = nullptr;
  variables["documents"] = nullptr;
  return style.chat_template.Render(DumpJson(variables), generation_prompt);
}

// The first message whose answers are learnt.
size_t FirstLearnt(const Example& example, Learnt learnt) {
  if (learnt == Learnt::kEveryAnswer) return 0;
  if (learnt == Learnt::kCompletion && example.prompt_messages == 0)
    return example.messages.size() - 1;
  return example.prompt_messages;
}

absl::Status Differs(const Messages& messages, size_t i, const char* what) {
  const char* last_alone = "learn the last answer alone (assistant_only_loss: false), or ";
  return absl::DataLossError(absl::StrCat(
      "the chat template writes ", what, " of messages[", i,
      "] otherwise in the whole conversation than when that answer is asked for, so that it would "
      "be learnt as it is never given: ",
      i + 1 < messages.size() ? last_alone : "",
      "name in chat_template a template that writes both alike, or one with {% generation %} "
      "marks"));
}

// One conversation whose answers are looked for.
class Answers {
 public:
  Answers(const Messages& messages, const ChatStyle& style, const std::string& whole)
      : messages_(messages), style_(style), whole_(whole) {}

  // Where the answer messages[i] begins.
  absl::StatusOr<uint32_t> Begin(size_t i) const {
    ASSIGN_OR_RETURN(const RenderedChat before, Render(messages_, i, style_, true));
    if (!IsPrefix(before.text, whole_))
      return Differs(messages_, i, "what comes before the answer");
    return static_cast<uint32_t>(before.text.size());
  }

  // Where it and what closes it end.
  absl::StatusOr<uint32_t> End(size_t i) const {
    if (i + 1 == messages_.size()) return static_cast<uint32_t>(whole_.size());
    ASSIGN_OR_RETURN(const RenderedChat after, Render(messages_, i + 1, style_, false));
    if (IsPrefix(after.text, whole_)) return static_cast<uint32_t>(after.text.size());
    // A template may close the last answer with more than the others. What they have in common must
    // reach over the token that closes the turn.
    ASSIGN_OR_RETURN(const std::string closing,
                     ClosingTextOf({messages_.begin(), messages_.begin() + i}, style_));
    const size_t turn_end = closing.find(style_.turn_end);
    if (style_.turn_end.empty() || turn_end == std::string::npos || !after.text.ends_with(closing))
      return Differs(messages_, i, "the answer");
    const size_t end = after.text.size() - closing.size() + turn_end + style_.turn_end.size();
    if (whole_.compare(0, end, after.text, 0, end) != 0) return Differs(messages_, i, "the answer");
    return static_cast<uint32_t>(end);
  }

 private:
  const Messages& messages_;
  const ChatStyle& style_;
  const std::string& whole_;
};

absl::Status FindMarked(const RenderedChat& whole, const Answers& answers, const Example& example,
                        size_t first, ConversationText* result) {
  const auto is_answer = [](const Message& message) { return message.role == "assistant"; };
  const auto begin = example.messages.begin();
  const auto learnt =
      std::find_if(begin + static_cast<std::ptrdiff_t>(first), example.messages.end(), is_answer);
  uint32_t from = 0;
  if (std::any_of(begin, learnt, is_answer)) {
    ASSIGN_OR_RETURN(from, answers.Begin(static_cast<size_t>(learnt - begin)));
  }
  for (const Bytes& span : whole.generated) {
    if (span.first >= from) result->supervised.push_back(span);
  }
  return absl::OkStatus();
}

absl::Status FindRendered(const Answers& answers, const Example& example, size_t first,
                          ConversationText* result) {
  for (size_t i = first; i < example.messages.size(); ++i) {
    if (example.messages[i].role != "assistant") continue;
    ASSIGN_OR_RETURN(const uint32_t begin, answers.Begin(i));
    ASSIGN_OR_RETURN(const uint32_t end, answers.End(i));
    if (end < begin) return Differs(example.messages, i, "the answer");
    result->supervised.emplace_back(begin, end);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> PromptTextOf(const Messages& messages, const ChatStyle& style) {
  ASSIGN_OR_RETURN(RenderedChat prompt, Render(messages, messages.size(), style, true));
  return std::move(prompt.text);
}

absl::StatusOr<std::string> ClosingTextOf(Messages messages, const ChatStyle& style) {
  messages.push_back({"assistant", kProbe});
  ASSIGN_OR_RETURN(const RenderedChat probed, Render(messages, messages.size(), style, false));
  const size_t at = probed.text.find(kProbe);
  if (at == std::string::npos || probed.text.find(kProbe, at + 1) != std::string::npos)
    return absl::DataLossError("the chat template does not write an answer once, as it is");
  return probed.text.substr(at + sizeof kProbe - 1);
}

absl::StatusOr<std::string> UnpromptedHeaderOf(Messages messages, const ChatStyle& style) {
  ASSIGN_OR_RETURN(const RenderedChat asked, Render(messages, messages.size(), style, true));
  ASSIGN_OR_RETURN(const RenderedChat told, Render(messages, messages.size(), style, false));
  messages.push_back({"assistant", kProbe});
  ASSIGN_OR_RETURN(const RenderedChat whole, Render(messages, messages.size(), style, false));
  const size_t at = whole.text.find(kProbe), begin = asked.text.size();
  if (asked.text != told.text || !IsPrefix(asked.text, whole.text)) return "";
  if (at == std::string::npos || IsBlank(whole.text.substr(begin, at - begin))) return "";
  return whole.text.substr(begin, at - begin);
}

absl::StatusOr<ConversationText> TextOf(const Example& example, const ChatStyle& style,
                                        Learnt learnt) {
  ConversationText result;
  if (example.is_text()) {
    result.text = example.text;
    result.supervised = {{0, static_cast<uint32_t>(example.text.size())}};
    DropClosingToken(style, &result.text);
    return result;
  }
  ASSIGN_OR_RETURN(RenderedChat whole,
                   Render(example.messages, example.messages.size(), style, false));
  result.bare = style.bare;
  if (learnt != Learnt::kAll) {
    const Answers answers(example.messages, style, whole.text);
    const size_t first = FirstLearnt(example, learnt);
    result.marked = style.chat_template.marks_generation();
    RETURN_IF_ERROR(result.marked ? FindMarked(whole, answers, example, first, &result)
                                  : FindRendered(answers, example, first, &result));
  }
  result.text = std::move(whole.text);
  if (!style.bare) DropClosingToken(style, &result.text);
  return result;
}

}  // namespace strata
