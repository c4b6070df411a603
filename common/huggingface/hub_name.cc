#include "common/huggingface/hub_name.h"

#include <algorithm>

namespace strata {
namespace {

bool IsAllowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '/';
}

}  // namespace

bool IsHubName(const std::string& name) {
  const size_t slash = name.find('/');
  return slash != 0 && slash != std::string::npos && slash + 1 < name.size() && name[0] != '.' &&
         name[slash + 1] != '.' && name.find('/', slash + 1) == std::string::npos &&
         std::all_of(name.begin(), name.end(), IsAllowed);
}

}  // namespace strata
