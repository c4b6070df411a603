// Renders a conversation to the text that is tokenised, by a Jinja chat template, as transformers
// does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

struct StrataTemplate;

namespace strata {

struct RenderedChat {
  std::string text;
  // What the template says that the model generates, half-open in bytes and in order: within
  // {% generation %} and {% endgeneration %}. Empty when it has no such marks.
  std::vector<std::pair<uint32_t, uint32_t>> generated;
};

// Threads: Render may run at once on any number of threads.
class ChatTemplate {
 public:
  // DATA_LOSS with the engine's words when `source` is not a template.
  static absl::StatusOr<ChatTemplate> Compile(std::string_view source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;

  // `variables_json` is an object with `messages` ([{role, content}]) and what else the template
  // names. DATA_LOSS with the template's own message when it refuses the conversation, or when it
  // takes too many steps, writes too much or needs too much memory. What it held then stays held:
  // it refuses every later conversation at once.
  absl::StatusOr<RenderedChat> Render(std::string_view variables_json,
                                      bool add_generation_prompt) const;
  // Whether it has marks of generation.
  bool marks_generation() const;

 private:
  explicit ChatTemplate(StrataTemplate* handle) : handle_(handle) {}
  StrataTemplate* handle_;
};

}  // namespace strata
