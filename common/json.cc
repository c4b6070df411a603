#include "common/json.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr int kDepthMax = 64;
// An object finds its keys one by one: beyond the first few each costs as many comparisons as there
// are before it. All together may cost what one object of 16,000 keys does, less than a second; of
// published models the one with the most tensors in its index has a tenth of that.
constexpr uint64_t kCheapKeys = 64;
constexpr uint64_t kComparisonsMax = uint64_t{16'000} * 16'000 / 2;

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

// Counts as the parser goes: depth, and what finding keys costs.
class Limits {
 public:
  // False once a limit is broken: then the rest is parsed, but not kept.
  bool Allow(int depth, Json::parse_event_t event) {
    if (broken_ != nullptr) return false;
    if (depth > kDepthMax) {
      broken_ = " is nested deeper than 64";
    } else if (event == Json::parse_event_t::object_start) {
      keys_[static_cast<size_t>(depth) + 1] = 0;
    } else if (event == Json::parse_event_t::key) {
      const uint64_t keys = ++keys_[static_cast<size_t>(depth)];
      if (keys > kCheapKeys) comparisons_ += keys;
      if (comparisons_ > kComparisonsMax) broken_ = " has objects of too many keys (16000 in one)";
    }
    return broken_ == nullptr;
  }
  // Which one, as the end of a sentence; null = none.
  const char* broken() const { return broken_; }

 private:
  std::array<uint64_t, kDepthMax + 2> keys_{};  // by the depth that a key is told with
  uint64_t comparisons_ = 0;
  const char* broken_ = nullptr;
};
static_assert(kDepthMax == 64, "the words say so");

}  // namespace

absl::StatusOr<Json> ParseJson(std::string_view text, std::string_view what) {
  Limits limits;
  std::string key;  // the last that was read
  const auto within = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key) key = parsed.get_ref<const std::string&>();
    return limits.Allow(depth, event);
  };
  try {
    Json json = Json::parse(text, within);
    if (limits.broken() != nullptr)
      return absl::DataLossError(absl::StrCat(Absl(what), limits.broken()));
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

absl::StatusOr<uint32_t> JsonUint32(const Json& json, std::string_view key, std::string_view what) {
  ASSIGN_OR_RETURN(const int64_t number, JsonInteger(json, key, what));
  if (number < 0 || number > UINT32_MAX) return WrongKind(key, what, "from 0 to 2^32 - 1");
  return static_cast<uint32_t>(number);
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
