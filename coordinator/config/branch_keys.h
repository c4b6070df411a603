// The table of branch.yaml: for each key how its value is read and bounded, where it is kept, how
// it is shown. Used by branch_yaml.cc; what the keys mean, their units and defaults stand beside
// the fields in config.h.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/config/branch_yaml_value.h"
#include "coordinator/config/config.h"
#include "coordinator/config/field_keys.h"

namespace strata {

// One key of a T (Config, TierConfig or DatasetConfig).
template <typename T>
struct KeyRow {
  std::string_view key;
  // Reads the value into its field; an error says place, key, bounds and value, and leaves the
  // field as it was.
  std::function<absl::Status(const YamlValue&, T*)> set;
  // As JSON, which is YAML, on one line; "" for a field that is not set.
  std::function<std::string(const T&)> show;
  std::string allowed = {};               // "a whole number from 1 to 512"
  std::vector<std::string> choices = {};  // where only a few words are allowed
};

template <typename T>
std::vector<std::string> KeysOf(const std::vector<KeyRow<T>>& rows) {
  std::vector<std::string> keys;
  for (const KeyRow<T>& row : rows) keys.emplace_back(row.key);
  return keys;
}

// The entries under our own keys: an alias of one of `known` stands for it. An error naming both
// lines when two of them are one setting.
absl::StatusOr<std::vector<YamlEntry>> UnderOurKeys(std::vector<YamlEntry> entries,
                                                    const std::vector<std::string>& known);

// Reads `entry`, which has been through UnderOurKeys, into the field of its row; an error for a key
// that no row has. `elsewhere`: keys that are read by others, to tell the nearest.
template <typename T>
absl::Status SetKey(const std::vector<KeyRow<T>>& rows, const YamlEntry& entry, T* target,
                    std::vector<std::string> elsewhere = {}) {
  for (const KeyRow<T>& row : rows) {
    if (row.key == entry.key) return row.set(entry.value, target);
    elsewhere.emplace_back(row.key);
  }
  return entry.value.Error(UnusableKeyReason(entry.key, elsewhere));
}

// The keys of branch.yaml's top level, in the order of deploy/branch.sample.yaml.
std::vector<KeyRow<Config>> BranchKeys();

}  // namespace strata
