#include "coordinator/export/base_files.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/status_macros.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

bool IsOfTokenizer(const std::string& name) {
  for (const char* known : {"tokenizer.json", "tokenizer_config.json", "tokenizer.model",
                            "special_tokens_map.json", "added_tokens.json", "vocab.json",
                            "vocab.txt", "merges.txt", "spiece.model", "sentencepiece.bpe.model"}) {
    if (name == known) return true;
  }
  return false;
}

bool IsBesideWeights(const std::string& name) {
  if (IsOfTokenizer(name) || absl::EndsWith(name, ".jinja")) return true;
  if (name == "config.json" || name == "generation_config.json") return true;
  for (const char* begin : {"LICENSE", "LICENCE", "NOTICE", "USE_POLICY", "COPYRIGHT"}) {
    if (absl::StartsWithIgnoreCase(name, begin)) return true;
  }
  return false;
}

std::vector<fs::path> Files(const fs::path& folder, bool (*wanted)(const std::string& name)) {
  std::vector<fs::path> files;
  std::error_code error, ignored;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->is_regular_file(ignored) && wanted(at->path().filename().string()))
      files.push_back(at->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::vector<fs::path> TokenizerFiles(const fs::path& base) { return Files(base, IsOfTokenizer); }

std::vector<fs::path> FilesBesideWeights(const fs::path& base) {
  return Files(base, IsBesideWeights);
}

absl::StatusOr<std::string> WithChatTemplate(const std::string& tokenizer_config,
                                             const std::string& chat_template,
                                             std::string_view what) {
  ASSIGN_OR_RETURN(Json json, ParseJson(tokenizer_config, what));
  if (!json.is_object())
    return absl::DataLossError(absl::StrCat(std::string(what), " is no object"));
  const auto at = json.find("chat_template");
  if (at == json.end() || *at == Json(chat_template)) return tokenizer_config;
  *at = chat_template;
  return DumpJson(json, 2) + "\n";
}

}  // namespace strata
