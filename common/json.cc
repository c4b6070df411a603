#include "common/json.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr int kDepthMax = 64;

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

absl::StatusOr<const Json*> Field(const Json& json, std::string_view key, std::string_view what) {
  if (!json.is_object())
    return absl::DataLossError(absl::StrCat(Absl(what), " is not a JSON object"));
  const auto at = json.find(std::string(key));
  if (at == json.end()) return absl::DataLossError(absl::StrCat(Absl(what), " has no ", Absl(key)));
  return &*at;
}

absl::Status WrongKind(std::string_view key, std::string_view what, const char* kind) {
  return absl::DataLossError(absl::StrCat(Absl(key), " of ", Absl(what), " is not ", kind));
}

}  // namespace

absl::StatusOr<Json> ParseJson(std::string_view text, std::string_view what) {
  bool too_deep = false;
  std::string key;  // the last that was read
  const auto limit_depth = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key) key = parsed.get_ref<const std::string&>();
    return !(too_deep |= depth > kDepthMax);
  };
  try {
    Json json = Json::parse(text, limit_depth);
    if (too_deep)
      return absl::DataLossError(absl::StrCat(Absl(what), " is nested deeper than ", kDepthMax));
    return json;
  } catch (const std::exception& error) {
    return absl::DataLossError(
        absl::StrCat(Absl(what), " is not valid JSON: ", error.what(),
                     key.empty() ? "" : absl::StrCat("; the last key before it is ", key)));
  }
}

std::string DumpJson(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<std::string> JsonString(const Json& json, std::string_view key,
                                       std::string_view what) {
  ASSIGN_OR_RETURN(const Json* field, Field(json, key, what));
  if (!field->is_string()) return WrongKind(key, what, "a string");
  return field->get<std::string>();
}

absl::StatusOr<double> JsonNumber(const Json& json, std::string_view key, std::string_view what) {
  ASSIGN_OR_RETURN(const Json* field, Field(json, key, what));
  if (!field->is_number()) return WrongKind(key, what, "a number");
  return field->get<double>();
}

absl::StatusOr<int64_t> JsonInteger(const Json& json, std::string_view key, std::string_view what) {
  ASSIGN_OR_RETURN(const Json* field, Field(json, key, what));
  if (!field->is_number_integer()) return WrongKind(key, what, "a whole number");
  if (field->is_number_unsigned() && field->get<uint64_t>() > INT64_MAX)
    return WrongKind(key, what, "below 2^63");
  return field->get<int64_t>();
}

absl::StatusOr<bool> JsonBool(const Json& json, std::string_view key, std::string_view what) {
  ASSIGN_OR_RETURN(const Json* field, Field(json, key, what));
  if (!field->is_boolean()) return WrongKind(key, what, "true or false");
  return field->get<bool>();
}

absl::StatusOr<const Json*> JsonNested(const Json& json, std::string_view key,
                                       std::string_view what) {
  ASSIGN_OR_RETURN(const Json* field, Field(json, key, what));
  if (!field->is_structured()) return WrongKind(key, what, "an object or a list");
  return field;
}

}  // namespace strata
