#include "coordinator/config/group_keys.h"

#include "coordinator/config/key_rows.h"

namespace strata {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// A dataset's file: what other files are called is never meant.
absl::StatusOr<std::string> FileName(const YamlValue& value) {
  ASSIGN_OR_RETURN(std::string name, NonEmpty(value));
  if (name.find('/') != std::string::npos || name[0] == '.' || !name.ends_with(".jsonl")) {
    return value.Error(absl::StrCat(
        "must be the name of a .jsonl file in training/, without a folder, is ", name));
  }
  return name;
}

std::vector<KeyRow<TierConfig>> TierKeys() {
  using Tier = TierConfig;
  return {Row("name", &Tier::name, &NonEmpty, "a text"), Texts("match", &Tier::match, &NonEmpty),
          Texts("order", &Tier::order, &FileName),
          Whole("num_train_epochs", &Tier::num_train_epochs, 1, kEpochsMax),
          Real("learning_rate", &Tier::learning_rate, kLearningRate)};
}

std::vector<KeyRow<DatasetConfig>> DatasetKeys() {
  using Dataset = DatasetConfig;
  return {Row("file", &Dataset::file, &FileName, "the name of a .jsonl file"),
          Row("tier", &Dataset::tier, &NonEmpty, "a tier's name"),
          Whole("num_train_epochs", &Dataset::num_train_epochs, 1, kEpochsMax),
          Real("learning_rate", &Dataset::learning_rate, kLearningRate),
          Bool("exclude", &Dataset::exclude)};
}

template <typename T>
absl::StatusOr<T> ReadGroup(const YamlValue& group, const std::vector<KeyRow<T>>& rows,
                            std::string_view required) {
  ASSIGN_OR_RETURN(std::vector<YamlEntry> written, group.Entries());
  ASSIGN_OR_RETURN(const std::vector<YamlEntry> entries,
                   UnderOurKeys(std::move(written), KeysOf(rows)));
  T target;
  bool found = false;
  for (const YamlEntry& entry : entries) {
    RETURN_IF_ERROR(SetKey(rows, entry, &target));
    found = found || entry.key == required;
  }
  if (!found) return group.Error(absl::StrCat("has no ", View(required)));
  return target;
}

template <typename T>
std::string ShowGroup(const T& group, const std::vector<KeyRow<T>>& rows) {
  std::vector<std::string> shown;
  for (const KeyRow<T>& row : rows) {
    const std::string value = row.show(group);
    if (!value.empty()) shown.push_back(absl::StrCat(Show(std::string(row.key)), ": ", value));
  }
  return absl::StrCat("{", absl::StrJoin(shown, ", "), "}");
}

// A list of groups, each of which must have `required`.
template <typename T>
KeyRow<Config> Groups(std::string_view key, std::vector<T> Config::*field,
                      std::vector<KeyRow<T>> rows, std::string_view required) {
  const auto set = [field, rows, required](const YamlValue& value, Config* config) -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<YamlValue> items, value.Items());
    std::vector<T> groups;
    for (const YamlValue& item : items) {
      ASSIGN_OR_RETURN(T group, ReadGroup(item, rows, required));
      groups.push_back(std::move(group));
    }
    config->*field = std::move(groups);
    return absl::OkStatus();
  };
  const auto show = [field, rows](const Config& config) {
    std::vector<std::string> shown;
    for (const T& group : config.*field) shown.push_back(ShowGroup(group, rows));
    return absl::StrCat("[", absl::StrJoin(shown, ", "), "]");
  };
  return {key, set, show, absl::StrCat("a list of groups of ", absl::StrJoin(KeysOf(rows), ", "))};
}

}  // namespace

KeyRow<Config> TiersRow() { return Groups("tiers", &Config::tiers, TierKeys(), "name"); }

KeyRow<Config> DatasetsRow() {
  return Groups("datasets", &Config::datasets, DatasetKeys(), "file");
}

}  // namespace strata
