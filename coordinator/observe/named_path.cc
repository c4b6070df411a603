#include "coordinator/observe/named_path.h"

#include <algorithm>

#include "absl/strings/str_replace.h"

namespace strata {

std::filesystem::path NamedPath(const std::string& path, const std::string& branch,
                                const std::string& run) {
  std::string name = branch;
  std::replace(name.begin(), name.end(), '/', '_');
  return absl::StrReplaceAll(path, {{"{branch}", name}, {"{run}", run}});
}

}  // namespace strata
