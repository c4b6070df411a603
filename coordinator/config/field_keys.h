// Knows the names that other trainers give to settings, so that a user who brings one is told what
// to write here. Used by branch_yaml.cc for keys that the table of branch_keys.h does not have.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strata {

// Why `key`, which is not in `known`, can't be used and what to do: the key of ours that an alias
// stands for; "known in the field, not supported by this version"; or unknown, with the nearest of
// `known`. REQUIRES: `known` is not empty.
std::string UnusableKeyReason(std::string_view key, const std::vector<std::string>& known);

// The one of `known` with the fewest inserted, deleted, replaced or neighbour-swapped letters; the
// first of equals. REQUIRES: `known` is not empty.
std::string NearestKey(std::string_view key, const std::vector<std::string>& known);

}  // namespace strata
