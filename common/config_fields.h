// Reads the fields of a config.json one by one: missing and null ones take their default, those of
// another kind or size are refused by name. config_json.h, rope_json.h and layer_windows.h read
// through it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/json.h"

namespace strata {

class ConfigFields {
 public:
  static constexpr int64_t kSizeMax = 1 << 24;  // of any dimension: beyond every published model

  // `json` is an object and outlives this; `what` names it in messages ("…/config.json").
  ConfigFields(const Json& json, std::string what) : json_(json), what_(std::move(what)) {}

  const std::string& what() const { return what_; }
  // Whether it is there at all, be it as null: in some families null is a value ("no window").
  bool Names(const std::string& field) const { return json_.contains(field); }
  // Whether it is there and not null.
  bool Has(const std::string& field) const { return Names(field) && !json_[field].is_null(); }
  // REQUIRES: Has(field).
  const Json& At(const std::string& field) const { return json_[field]; }

  // DATA_LOSS naming the field when it is of another kind, not finite, or (a size) not in 1 … 2^24.
  absl::StatusOr<int64_t> Size(const std::string& field) const;
  absl::StatusOr<int64_t> SizeOr(const std::string& field, int64_t otherwise) const;
  absl::StatusOr<double> PositiveOr(const std::string& field, double otherwise) const;
  absl::StatusOr<bool> BoolOr(const std::string& field, bool otherwise) const;
  absl::StatusOr<std::string> TextOr(const std::string& field, const std::string& otherwise) const;

  // FAILED_PRECONDITION: the field's value would change the mathematics and is not handled.
  absl::Status Refused(const std::string& field) const;
  // DATA_LOSS: the field's value can't be, with `why`.
  absl::Status Broken(const std::string& field, const std::string& why) const;

 private:
  const Json& json_;
  std::string what_;
};

}  // namespace strata
