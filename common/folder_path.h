// Writes a folder's path in one way, however the user did: "data", "data/", "./data/".
// Taken where paths come in: settings and command lines.
#pragma once

#include <filesystem>

namespace strata {

// Lexically normal, and without the slash at its end that would hide the folder's name.
inline std::filesystem::path FolderPath(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder.lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

}  // namespace strata
