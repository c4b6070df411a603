// Renders an example to the text that the model learns, and says which bytes of it are supervised.
// Takes an Example, gives the tokeniser text and spans.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/huggingface/chat_template.h"
#include "common/json.h"
#include "coordinator/catalog/example.h"

namespace strata {

// What of a conversation is supervised.
enum class Learnt {
  kAnswers,      // every answer behind the prompt, where an example has one of its own
  kEveryAnswer,  // and those within a prompt
  kCompletion,   // what follows the prompt: without one of its own, all but the last answer is it
  kAll,
};

// How conversations are written.
struct ChatStyle {
  ChatTemplate chat_template;
  Json tokens = Json::object();  // what the template may name: bos_token, eos_token, …
  // Whether the template writes every special token itself. Else the tokenizer puts its own around
  // the text, and the closing eos_token is left out of the text, to be appended as an id.
  bool bare = false;
  std::string turn_end = "";  // the token that closes an answer, as the text has it; "" unknown
};

struct ConversationText {
  std::string text;
  std::vector<std::pair<uint32_t, uint32_t>>
      supervised;       // half-open, in bytes: the assistant's words; none for Learnt::kAll
  bool bare = false;    // as ChatStyle
  bool marked = false;  // the template itself says what is supervised
};

// Supervision is what the template marks as generated; without marks it is found by rendering
// prefixes of the conversation, never by searching for words. A plain text is supervised whole, and
// is not bare. DATA_LOSS when the template refuses the conversation, or writes an answer or what
// comes before it otherwise than when the answer is asked for.
absl::StatusOr<ConversationText> TextOf(const Example& example, const ChatStyle& style,
                                        Learnt learnt);

// The text that comes before an answer to `messages`, whose last is the user's: what TextOf renders
// before that answer. DATA_LOSS when the template refuses the conversation.
absl::StatusOr<std::string> PromptTextOf(const std::vector<Message>& messages,
                                         const ChatStyle& style);

// What is written behind an answer to `messages` when nothing follows: what closes it. DATA_LOSS
// when the template refuses them or does not write the answer once and as it is.
absl::StatusOr<std::string> ClosingTextOf(std::vector<Message> messages, const ChatStyle& style);

// What is written before an answer to `messages` though add_generation_prompt changes nothing: what
// a model that is asked for it does not have before it. "" when that is no more than white space.
// DATA_LOSS when the template refuses them.
absl::StatusOr<std::string> UnpromptedHeaderOf(std::vector<Message> messages,
                                               const ChatStyle& style);

}  // namespace strata
