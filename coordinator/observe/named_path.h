// Puts a run's names into a path of branch.yaml, so that many branches and runs can share one
// setting. Pure.
#pragma once

#include <filesystem>
#include <string>

namespace strata {

// {branch} and {run} become the names; a slash in a branch's name becomes a line.
std::filesystem::path NamedPath(const std::string& path, const std::string& branch,
                                const std::string& run);

}  // namespace strata
