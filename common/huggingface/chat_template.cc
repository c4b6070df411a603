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

absl::StatusOr<std::string> ChatTemplate::Render(std::string_view variables_json,
                                                 bool add_generation_prompt) const {
  char* error = nullptr;
  char* rendered = strata_template_render(handle_, variables_json.data(), variables_json.size(),
                                          add_generation_prompt, &error);
  if (rendered == nullptr) return absl::DataLossError(TakeText(error));
  return TakeText(rendered);
}

}  // namespace strata
