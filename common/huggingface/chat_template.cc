#include "common/huggingface/chat_template.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/huggingface/crate.h"

namespace strata {

absl::StatusOr<ChatTemplate> ChatTemplate::Compile(std::string_view source) {
  char* error = nullptr;
  StrataTemplate* handle = strata_template_open(source.data(), source.size(), &error);
  if (handle == nullptr)
    return absl::DataLossError(absl::StrCat("not a chat template: ", TakeText(error)));
  return ChatTemplate(handle);
}

ChatTemplate::~ChatTemplate() {
  if (handle_ != nullptr) strata_template_free(handle_);
}

ChatTemplate::ChatTemplate(ChatTemplate&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)) {}

absl::StatusOr<RenderedChat> ChatTemplate::Render(std::string_view variables_json,
                                                  bool add_generation_prompt) const {
  char* error = nullptr;
  StrataRendered* rendered = strata_template_render(
      handle_, variables_json.data(), variables_json.size(), add_generation_prompt, &error);
  if (rendered == nullptr) return absl::DataLossError(TakeText(error));
  const char* text = nullptr;
  size_t length = 0;
  const uint32_t* bounds = nullptr;
  const size_t spans = strata_rendered_view(rendered, &text, &length, &bounds);
  RenderedChat chat{std::string(text, length), {}};
  for (size_t i = 0; i < spans; ++i) chat.generated.emplace_back(bounds[2 * i], bounds[2 * i + 1]);
  strata_rendered_free(rendered);
  return chat;
}

bool ChatTemplate::marks_generation() const { return strata_template_marks_generation(handle_); }

}  // namespace strata
