// Says how many there are of something.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace strata {

// "1 row", "3 rows". REQUIRES: the noun's plural takes an s.
inline std::string Counted(uint64_t count, std::string_view noun) {
  std::string counted = std::to_string(count) + ' ' + std::string(noun);
  if (count != 1) counted += 's';
  return counted;
}

}  // namespace strata
