// Chooses which files of a base's folder go along with an export, by their names. Weights never do,
// whatever they are called: only names that are known go.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace strata {

// tokenizer.json, tokenizer_config.json and what else a tokenizer is made of; sorted.
std::vector<std::filesystem::path> TokenizerFiles(const std::filesystem::path& base);

// Those, config.json, generation_config.json, templates, licences, notices; sorted.
std::vector<std::filesystem::path> FilesBesideWeights(const std::filesystem::path& base);

// A tokenizer_config.json whose chat_template, if it has one, is the one that was trained with:
// programs differ in whether they read it there or in chat_template.jinja. DATA_LOSS naming `what`
// when it is not a JSON object.
absl::StatusOr<std::string> WithChatTemplate(const std::string& tokenizer_config,
                                             const std::string& chat_template,
                                             std::string_view what);

}  // namespace strata
