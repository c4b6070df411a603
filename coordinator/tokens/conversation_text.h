// Renders an example to the text that the model learns, and says which bytes of it are supervised.
// Takes an Example, gives the tokeniser text and spans.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/huggingface/chat_template.h"
#include "coordinator/catalog/example.h"

namespace strata {

// The built-in template: "### Instrucción:\n{user}\n\n### Respuesta:\n{assistant}" and the
// end-of-sequence token; turns and a system message are parted by an empty line.
extern const char kDefaultChatTemplate[];

struct ConversationText {
  std::string text;  // without the last end-of-sequence token, which is appended as an id
  std::vector<std::pair<uint32_t, uint32_t>>
      supervised;  // half-open, in bytes: the assistant's words
};

// Supervision is found by rendering prefixes of the conversation, never by searching for words. A
// plain text is supervised whole. DATA_LOSS when the template refuses the conversation or does not
// render prefixes alike.
absl::StatusOr<ConversationText> TextOf(const Example& example, const ChatTemplate& chat_template,
                                        const std::string& eos_token);

// The text that comes before an answer to `messages`, whose last is the user's: what TextOf renders
// before that answer. DATA_LOSS when the template refuses the conversation.
absl::StatusOr<std::string> PromptTextOf(const std::vector<Message>& messages,
                                         const ChatTemplate& chat_template,
                                         const std::string& eos_token);

}  // namespace strata
