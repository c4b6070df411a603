// Makes rows of a table of keys: one function for each kind of value. Used by branch_keys.cc and
// group_keys.cc.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "coordinator/config/branch_keys.h"

namespace strata {

// A value as JSON, which is YAML, on one line; "" for one that is not set.
std::string Show(const std::string& text);
std::string Show(const std::filesystem::path& path);
std::string Show(bool value);
std::string Show(uint32_t value);
std::string Show(uint64_t value);
std::string Show(double value);
std::string Show(const std::vector<std::string>& texts);
template <typename Value>
std::string Show(const std::optional<Value>& value) {
  return value.has_value() ? Show(*value) : std::string();
}

// A row whose value `read` takes from YAML.
template <typename T, typename Field, typename Read>
KeyRow<T> Row(std::string_view key, Field T::*field, Read read, std::string allowed) {
  return {key,
          [field, read](const YamlValue& value, T* target) -> absl::Status {
            ASSIGN_OR_RETURN(target->*field, read(value));
            return absl::OkStatus();
          },
          [field](const T& target) { return Show(target.*field); }, std::move(allowed)};
}

template <typename T, typename Field>
KeyRow<T> Whole(std::string_view key, Field T::*field, uint64_t min, uint64_t max) {
  return Row(
      key, field, [min, max](const YamlValue& value) { return value.Whole(min, max); },
      WholeText(min, max));
}

template <typename T, typename Field>
KeyRow<T> Real(std::string_view key, Field T::*field, RealRange range) {
  return Row(
      key, field, [range](const YamlValue& value) { return value.Real(range); }, RealText(range));
}

template <typename T>
KeyRow<T> Bool(std::string_view key, bool T::*field) {
  KeyRow<T> row = Row(
      key, field, [](const YamlValue& value) { return value.Bool(); }, "true or false");
  row.choices = {"true", "false"};
  return row;
}

template <typename T, typename Field>
KeyRow<T> Text(std::string_view key, Field T::*field) {
  return Row(
      key, field, [](const YamlValue& value) { return value.Text(); }, "a text");
}

using ReadText = absl::StatusOr<std::string> (*)(const YamlValue&);

// Readers of texts: one that is not empty, and a list of those that `read` takes.
absl::StatusOr<std::string> NonEmpty(const YamlValue& value);
absl::StatusOr<std::vector<std::string>> TextList(const YamlValue& value, ReadText read);

template <typename T>
KeyRow<T> Texts(std::string_view key, std::vector<std::string> T::*field, ReadText read) {
  return Row(
      key, field, [read](const YamlValue& value) { return TextList(value, read); },
      "a list of texts");
}

template <typename Value>
struct Named {
  std::string_view name;
  Value value;
};

// One of a few words, each of which stands for a value.
template <typename T, typename Value>
KeyRow<T> Choice(std::string_view key, Value T::*field, std::vector<Named<Value>> choices) {
  std::vector<std::string> names;
  for (const Named<Value>& choice : choices)
    names.push_back(choice.name.empty() ? "\"\"" : std::string(choice.name));
  const std::string allowed = absl::StrCat("one of ", absl::StrJoin(names, ", "));
  const auto set = [field, choices, allowed](const YamlValue& value, T* target) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string text, value.Text());
    for (const Named<Value>& choice : choices) {
      if (choice.name != text) continue;
      target->*field = choice.value;
      return absl::OkStatus();
    }
    return value.Error(absl::StrCat("must be ", allowed, "; is ", text));
  };
  const auto show = [field, choices](const T& target) -> std::string {
    for (const Named<Value>& choice : choices) {
      if (choice.value == target.*field) return Show(std::string(choice.name));
    }
    return "";
  };
  return {key, set, show, allowed, names};
}

}  // namespace strata
