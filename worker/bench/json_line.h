// Writes one flat JSON object, field by field: what the engine's own programs print, which have no
// JSON library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace strata {

class JsonLine {
 public:
  // Not finite becomes null.
  JsonLine& Number(std::string_view key, double value);
  JsonLine& Whole(std::string_view key, int64_t value);
  JsonLine& Flag(std::string_view key, bool value);
  JsonLine& Text(std::string_view key, std::string_view value);
  // `json` is a JSON value already.
  JsonLine& Nested(std::string_view key, std::string_view json);

  // "{…}", without an end of line.
  std::string Line() const { return "{" + fields_ + "}"; }

 private:
  std::string fields_;
};

}  // namespace strata
