// Finds a program where a shell would. The launchers and `strata doctor` ask.
#pragma once

#include <filesystem>
#include <string>

namespace strata {

// The absolute path of a program on PATH (or as given, when it has a slash); "" when there is none.
std::filesystem::path FindProgram(const std::string& name);

}  // namespace strata
