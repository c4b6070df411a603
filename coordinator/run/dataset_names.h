// Finds the datasets that a user names: exclude, include, release and import --trained all go by
// it. Takes what the user wrote and the names that there are.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace strata {

// The name itself, with or without .jsonl, where it is known, even if it has a * in it; else all
// that it fits as a glob, on the name with or without .jsonl. Empty when nothing does.
std::set<std::string> DatasetsNamed(const std::string& wanted, const std::set<std::string>& known);

// The known names that are spelt most like it, at most three, the nearest first.
std::vector<std::string> DatasetsNear(const std::string& wanted,
                                      const std::set<std::string>& known);

}  // namespace strata
