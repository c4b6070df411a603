#include "coordinator/launch/program_path.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace strata {
namespace {

bool IsProgram(const std::filesystem::path& path) {
  std::error_code error;
  return access(path.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(path, error);
}

}  // namespace

std::filesystem::path FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) return IsProgram(name) ? name : "";
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::filesystem::path candidate =
        std::filesystem::path(folder.empty() ? "." : folder) / name;
    if (IsProgram(candidate)) return candidate;
  }
  return "";
}

}  // namespace strata
