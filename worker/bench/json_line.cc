#include "worker/bench/json_line.h"

#include <cmath>
#include <cstdio>

namespace strata {
namespace {

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) {
      quoted += c;
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      quoted += escaped;
    }
  }
  return quoted + '"';
}

}  // namespace

JsonLine& JsonLine::Number(std::string_view key, double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.6g", value);
  // Six digits are too few for rates in the millions.
  if (std::abs(value) >= 1e5) std::snprintf(digits, sizeof digits, "%.1f", value);
  return Nested(key, std::isfinite(value) ? digits : "null");
}

JsonLine& JsonLine::Whole(std::string_view key, int64_t value) {
  return Nested(key, std::to_string(value));
}

JsonLine& JsonLine::Flag(std::string_view key, bool value) {
  return Nested(key, value ? "true" : "false");
}

JsonLine& JsonLine::Text(std::string_view key, std::string_view value) {
  return Nested(key, Quoted(value));
}

JsonLine& JsonLine::Nested(std::string_view key, std::string_view json) {
  if (!fields_.empty()) fields_ += ", ";
  fields_ += Quoted(key) + ": ";
  fields_ += json;
  return *this;
}

}  // namespace strata
