#include "coordinator/config/branch_yaml_value.h"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/utf8_beginning.h"
#include "coordinator/config/branch_yaml_documents.h"

namespace strata {
namespace {

constexpr size_t kTextBytesMax = 4096;
constexpr size_t kShownBytesMax = 60;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

bool AllDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsQuoted(const YAML::Node& node) { return node.Tag() == "!"; }

// "key" within "tiers[1]" is "tiers[1].key".
std::string Within(const std::string& parent, const std::string& key) {
  return parent.empty() ? key : absl::StrCat(parent, ".", key);
}

absl::Status OriginError(const YamlOrigin& origin, int line, std::string_view message) {
  if (origin.is_file) {
    return absl::FailedPreconditionError(absl::StrCat(origin.name, ":", line, ": ", View(message)));
  }
  return absl::InvalidArgumentError(absl::StrCat(origin.name, ": ", View(message)));
}

}  // namespace

std::string WholeText(uint64_t min, uint64_t max) {
  return absl::StrCat("a whole number from ", min, " to ", max);
}

std::string RealText(const RealRange& range) {
  return absl::StrCat("a number ", range.min_included ? "from " : "above ", range.min,
                      range.max_included ? " to " : " to below ", range.max);
}

YamlValue::YamlValue(std::shared_ptr<const YAML::Node> node,
                     std::shared_ptr<const YamlOrigin> origin, std::string key, int line)
    : node_(std::move(node)), origin_(std::move(origin)), key_(std::move(key)), line_(line) {}

absl::StatusOr<YamlValue> YamlValue::Parse(const std::string& text, const YamlOrigin& origin,
                                           std::string key) {
  // yaml-cpp ends at a NUL as if the text did.
  const size_t nul = text.find('\0');
  if (nul != std::string::npos) {
    const auto line =
        1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(nul), '\n');
    return OriginError(origin, static_cast<int>(line), "a NUL byte: this is not a text file");
  }
  try {
    if (const std::optional<SecondDocument> second = FindSecondDocument(text)) {
      return OriginError(origin, second->line + 1,
                         second->is_marked ? "a second YAML document begins (---); keep one"
                                           : "not YAML: what stands here belongs to no key");
    }
    auto node = std::make_shared<const YAML::Node>(YAML::Load(text));
    return YamlValue(std::move(node), std::make_shared<const YamlOrigin>(origin), std::move(key),
                     1);
  } catch (const YAML::DeepRecursion& error) {
    return OriginError(origin, error.mark.line + 1, "nested too deep for a configuration");
  } catch (const YAML::Exception& error) {
    return OriginError(origin, error.mark.line + 1, absl::StrCat("not YAML: ", error.msg));
  }
}

YamlValue YamlValue::Child(const YAML::Node& node, std::string key, int line) const {
  return YamlValue(std::make_shared<const YAML::Node>(node), origin_, std::move(key), line);
}

YamlValue YamlValue::Inverse() const {
  YamlValue inverse = *this;
  inverse.inverse_ = !inverse_;
  return inverse;
}

std::string YamlValue::Place() const {
  return origin_->is_file ? absl::StrCat(origin_->short_name, ":", line_) : origin_->short_name;
}

std::string YamlValue::FullPlace() const {
  return origin_->is_file ? absl::StrCat(origin_->name, ":", line_) : origin_->name;
}

absl::Status YamlValue::Error(std::string_view message) const {
  return OriginError(*origin_, line_,
                     key_.empty() ? std::string(message) : absl::StrCat(key_, " ", View(message)));
}

bool YamlValue::IsNull() const { return node_->IsNull(); }

std::string YamlValue::Shown() const {
  if (node_->IsNull()) return "has no value";
  if (node_->IsSequence()) return "is a list";
  if (node_->IsMap()) return "is a group of keys";
  std::string text(Utf8Beginning(node_->Scalar(), kShownBytesMax));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  if (node_->Scalar().size() > kShownBytesMax) text += "...";
  return IsQuoted(*node_) ? absl::StrCat("is the text \"", text, "\"") : absl::StrCat("is ", text);
}

absl::StatusOr<std::string> YamlValue::Text() const {
  if (!node_->IsScalar()) return Error(absl::StrCat("must be a text, ", Shown()));
  const std::string& text = node_->Scalar();
  if (text.size() > kTextBytesMax) {
    return Error(absl::StrCat("is too long: ", text.size(), " bytes, at most ", kTextBytesMax));
  }
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < ' '; })) {
    return Error(absl::StrCat("must have no control characters, ", Shown()));
  }
  return text;
}

absl::StatusOr<std::string> YamlValue::Plain(std::string_view kind) const {
  if (!node_->IsScalar() || IsQuoted(*node_))
    return Error(absl::StrCat("must be ", View(kind), ", ", Shown()));
  return node_->Scalar();
}

absl::StatusOr<uint64_t> YamlValue::Whole(uint64_t min, uint64_t max) const {
  const std::string kind = WholeText(min, max);
  ASSIGN_OR_RETURN(const std::string text, Plain(kind));
  // 010 is 8 to some readers of YAML and 10 to others.
  if (!AllDigits(text) || (text.size() > 1 && text[0] == '0')) {
    return Error(absl::StrCat("must be ", kind, ", ", Shown()));
  }
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < min || number > max) {
    return Error(absl::StrCat("must be ", kind, ", ", Shown()));
  }
  return number;
}

absl::StatusOr<double> YamlValue::Real(const RealRange& range) const {
  const std::string kind = RealText(range);
  ASSIGN_OR_RETURN(const std::string text, Plain(kind));
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool parsed =
      error == std::errc() && end == text.data() + text.size() && std::isfinite(number);
  const bool inside = (range.min_included ? number >= range.min : number > range.min) &&
                      (range.max_included ? number <= range.max : number < range.max);
  if (!parsed || !inside) return Error(absl::StrCat("must be ", kind, ", ", Shown()));
  return number;
}

absl::StatusOr<bool> YamlValue::Bool() const {
  ASSIGN_OR_RETURN(const std::string text, Plain("true or false"));
  if (text == "true" || text == "True" || text == "TRUE") return !inverse_;
  if (text == "false" || text == "False" || text == "FALSE") return inverse_;
  return Error(absl::StrCat("must be true or false, ", Shown()));
}

absl::StatusOr<std::vector<YamlValue>> YamlValue::Items() const {
  if (!node_->IsSequence()) return Error(absl::StrCat("must be a list, ", Shown()));
  std::vector<YamlValue> items;
  items.reserve(node_->size());
  for (const YAML::Node& item : *node_) {
    const int line = item.Mark().is_null() ? line_ : item.Mark().line + 1;
    items.push_back(Child(item, absl::StrCat(key_, "[", items.size(), "]"), line));
  }
  return items;
}

absl::StatusOr<std::vector<YamlEntry>> YamlValue::Entries() const {
  if (!node_->IsMap()) return Error(absl::StrCat("must be lines of KEY: VALUE, ", Shown()));
  std::vector<YamlEntry> entries;
  std::set<std::string> seen;
  for (const auto& pair : *node_) {
    const int line = pair.first.Mark().is_null() ? line_ : pair.first.Mark().line + 1;
    const YamlValue key =
        Child(pair.first, absl::StrCat("a key", key_.empty() ? "" : " of ", key_), line);
    ASSIGN_OR_RETURN(const std::string name, key.Text());
    YamlValue value = Child(pair.second, Within(key_, name), line);
    if (!seen.insert(name).second) return value.Error("is set twice; keep one");
    entries.push_back({name, std::move(value), name});
  }
  return entries;
}

}  // namespace strata
