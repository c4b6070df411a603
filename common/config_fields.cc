#include "common/config_fields.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr size_t kShownBytesMax = 200;

std::string Shown(const Json& value) {
  std::string text = DumpJson(value);
  if (text.size() > kShownBytesMax) text = text.substr(0, kShownBytesMax) + "…";
  return text;
}

}  // namespace

absl::StatusOr<int64_t> ConfigFields::Size(const std::string& field) const {
  ASSIGN_OR_RETURN(const int64_t size, JsonInteger(json_, field, what_));
  if (size < 1 || size > kSizeMax) return Broken(field, "is out of range");
  return size;
}

absl::StatusOr<int64_t> ConfigFields::SizeOr(const std::string& field, int64_t otherwise) const {
  if (!Has(field)) return otherwise;
  return Size(field);
}

absl::StatusOr<double> ConfigFields::PositiveOr(const std::string& field, double otherwise) const {
  if (!Has(field)) return otherwise;
  ASSIGN_OR_RETURN(const double number, JsonNumber(json_, field, what_));
  if (!(number > 0) || !std::isfinite(number)) return Broken(field, "is not a positive number");
  return number;
}

absl::StatusOr<bool> ConfigFields::BoolOr(const std::string& field, bool otherwise) const {
  if (!Has(field)) return otherwise;
  return JsonBool(json_, field, what_);
}

absl::StatusOr<std::string> ConfigFields::TextOr(const std::string& field,
                                                 const std::string& otherwise) const {
  if (!Has(field)) return otherwise;
  return JsonString(json_, field, what_);
}

absl::Status ConfigFields::Refused(const std::string& field) const {
  return absl::FailedPreconditionError(
      absl::StrCat(what_, ": ", field, " is ", Shown(json_[field]),
                   ", which this version does not handle; use a base without it"));
}

absl::Status ConfigFields::Broken(const std::string& field, const std::string& why) const {
  return absl::DataLossError(absl::StrCat(what_, ": ", field, " ", why, ": ", Shown(json_[field])));
}

}  // namespace strata
