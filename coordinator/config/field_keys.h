// Knows the names that other trainers give to settings: those that stand for a key of ours are
// taken for it, the others are told what they are. Used by branch_keys.h for keys that its table
// does not have.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strata {

// Another name of one of our keys.
struct Alias {
  std::string_view theirs, ours;
  bool inverse = false;  // true there is false here
};

// Null when `key` is no alias. Lives for ever.
const Alias* AliasOf(std::string_view key);

// All of them, sorted by `theirs`.
std::vector<Alias> Aliases();

// The one of `known` that a person who wrote `key` is likely to have meant: the nearest when few
// letters differ, else one that holds `key` as a part; "" when there is none. REQUIRES: `known` is
// not empty.
std::string MeantKey(std::string_view key, const std::vector<std::string>& known);

// Why `key`, which is neither in `known` nor an alias of one that is, can't be used and what to do:
// "known in the field, not supported by this version"; or unknown, with what MeantKey gives.
// REQUIRES: `known` is not empty.
std::string UnusableKeyReason(std::string_view key, const std::vector<std::string>& known);

// The one of `known` with the fewest inserted, deleted, replaced or neighbour-swapped letters; the
// first of equals. REQUIRES: `known` is not empty.
std::string NearestKey(std::string_view key, const std::vector<std::string>& known);

}  // namespace strata
