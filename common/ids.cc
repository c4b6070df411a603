#include "common/ids.h"

#include <cstdio>

namespace strata {

std::string VersionName(Version version) {
  char name[16];
  std::snprintf(name, sizeof name, "v%04u", version.value());
  return name;
}

}  // namespace strata
