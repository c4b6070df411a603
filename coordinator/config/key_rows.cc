#include "coordinator/config/key_rows.h"

#include <charconv>

namespace strata {

std::string Show(const std::string& text) {
  std::string shown = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') shown += '\\';
    shown += c;
  }
  return shown + "\"";
}
std::string Show(const std::filesystem::path& path) { return Show(path.string()); }
std::string Show(bool value) { return value ? "true" : "false"; }
std::string Show(uint32_t value) { return absl::StrCat(value); }
std::string Show(uint64_t value) { return absl::StrCat(value); }
std::string Show(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}
std::string Show(const std::vector<std::string>& texts) {
  return absl::StrCat(
      "[",
      absl::StrJoin(texts, ", ",
                    [](std::string* out, const std::string& text) { *out += Show(text); }),
      "]");
}

absl::StatusOr<std::string> NonEmpty(const YamlValue& value) {
  ASSIGN_OR_RETURN(std::string text, value.Text());
  if (text.empty()) return value.Error("must not be empty");
  return text;
}

absl::StatusOr<std::vector<std::string>> TextList(const YamlValue& value, ReadText read) {
  ASSIGN_OR_RETURN(const std::vector<YamlValue> items, value.Items());
  std::vector<std::string> texts;
  for (const YamlValue& item : items) {
    ASSIGN_OR_RETURN(std::string text, read(item));
    texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace strata
