// Finds the chat template that a branch asks for, and the tokens that templates name. Reads the
// base's folder; gives the tokeniser the text and where it came from.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "common/json.h"

namespace strata {

// The built-in template: "### Instrucción:\n{user}\n\n### Respuesta:\n{assistant}" and the
// end-of-sequence token; turns and a system message are parted by an empty line.
extern const char kDefaultChatTemplate[];

struct TemplateSource {
  std::string text = kDefaultChatTemplate;
  std::string origin = "the built-in chat template";  // for messages: a file
};

// The base's own: chat_template.jinja of the folder, else chat_template of its
// tokenizer_config.json, of several the one named "default". NOT_FOUND when it has none, DATA_LOSS
// when tokenizer_config.json has something else there.
absl::StatusOr<TemplateSource> ModelTemplate(const std::filesystem::path& base);

// `choice` is Config::chat_template. FAILED_PRECONDITION when it is "model" and the base has none,
// or a file that there is not.
absl::StatusOr<TemplateSource> ChosenTemplate(const std::filesystem::path& base,
                                              const std::string& choice);

// A template in a file. NOT_FOUND or UNAVAILABLE naming it when it can't be read, DATA_LOSS when it
// is empty.
absl::StatusOr<TemplateSource> TemplateInFile(const std::filesystem::path& file);

// The special tokens that transformers hands to templates: {"bos_token": "<s>", …}, of
// tokenizer_config.json and, where that does not list its added tokens, special_tokens_map.json.
// What neither names is not there.
Json NamedTokens(const std::filesystem::path& base);

}  // namespace strata
