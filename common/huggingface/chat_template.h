// Renders a conversation to the text that is tokenised, by a Jinja chat template, as transformers
// does.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

struct StrataTemplate;

namespace strata {

// Threads: Render may run at once on any number of threads.
class ChatTemplate {
 public:
  // DATA_LOSS with the engine's words when `source` is not a template.
  static absl::StatusOr<ChatTemplate> Compile(std::string_view source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;

  // `variables_json` is an object with `messages` ([{role, content}]) and what else the template
  // names. DATA_LOSS with the template's own message when it refuses the conversation.
  absl::StatusOr<std::string> Render(std::string_view variables_json,
                                     bool add_generation_prompt) const;

 private:
  explicit ChatTemplate(StrataTemplate* handle) : handle_(handle) {}
  StrataTemplate* handle_;
};

}  // namespace strata
