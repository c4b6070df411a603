#include "coordinator/tokens/conversation_text.h"

#include "common/json.h"
#include "common/status_macros.h"

namespace strata {

const char kDefaultChatTemplate[] =
    "{%- for message in messages -%}"
    "{%- if not loop.first and message.role != 'assistant' -%}{{ '\\n\\n' }}{%- endif -%}"
    "{%- if message.role == 'user' -%}"
    "{{ '### Instrucción:\\n' + message.content + '\\n\\n### Respuesta:\\n' }}"
    "{%- elif message.role == 'assistant' -%}{{ message.content + eos_token }}"
    "{%- else -%}{{ message.content }}{%- endif -%}"
    "{%- endfor -%}";

namespace {

absl::StatusOr<std::string> Render(const std::vector<Message>& messages, size_t count,
                                   const ChatTemplate& chat_template, const std::string& eos_token,
                                   bool generation_prompt) {
  Json list = Json::array();
  for (size_t i = 0; i < count; ++i) {
    list.push_back({{"role", messages[i].role}, {"content", messages[i].content}});
  }
  return chat_template.Render(
      DumpJson({{"messages", list}, {"bos_token", ""}, {"eos_token", eos_token}}),
      generation_prompt);
}

bool IsPrefix(const std::string& prefix, const std::string& text) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

// It is appended as an id, so that no tokenizer can split it and none comes twice.
void DropClosingToken(const std::string& eos_token, std::string* text) {
  if (text->ends_with(eos_token)) text->resize(text->size() - eos_token.size());
}

}  // namespace

absl::StatusOr<std::string> PromptTextOf(const std::vector<Message>& messages,
                                         const ChatTemplate& chat_template,
                                         const std::string& eos_token) {
  return Render(messages, messages.size(), chat_template, eos_token, true);
}

absl::StatusOr<ConversationText> TextOf(const Example& example, const ChatTemplate& chat_template,
                                        const std::string& eos_token) {
  ConversationText result;
  if (example.is_text()) {
    result.text = example.text;
    result.supervised = {{0, static_cast<uint32_t>(example.text.size())}};
    DropClosingToken(eos_token, &result.text);
    return result;
  }
  const size_t count = example.messages.size();
  ASSIGN_OR_RETURN(result.text, Render(example.messages, count, chat_template, eos_token, false));
  for (size_t i = 0; i < count; ++i) {
    if (example.messages[i].role != "assistant") continue;
    ASSIGN_OR_RETURN(const std::string before,
                     Render(example.messages, i, chat_template, eos_token, true));
    ASSIGN_OR_RETURN(const std::string after,
                     Render(example.messages, i + 1, chat_template, eos_token, false));
    if (!IsPrefix(before, after) || !IsPrefix(after, result.text)) {
      return absl::DataLossError(
          "the chat template renders a conversation's beginning otherwise than the whole");
    }
    result.supervised.emplace_back(before.size(), after.size());
  }
  DropClosingToken(eos_token, &result.text);
  return result;
}

}  // namespace strata
