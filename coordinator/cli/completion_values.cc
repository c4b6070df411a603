#include "coordinator/cli/completion_values.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/cli/command.h"
#include "coordinator/config/branch_sample.h"
#include "coordinator/config/branch_yaml.h"
#include "coordinator/store/branch_store.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using Offers = std::vector<OfferedWord>;

// The entries of a folder for which `name` gives one; none where there is no folder.
Offers Entries(const fs::path& folder,
               const std::function<std::string(const fs::directory_entry&)>& name) {
  Offers found;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (std::string text = name(*at); !text.empty()) found.push_back({std::move(text)});
  }
  std::sort(found.begin(), found.end(),
            [](const OfferedWord& a, const OfferedWord& b) { return a.text < b.text; });
  return found;
}

Offers Datasets(const Config& config, const std::string& branch) {
  Offers datasets =
      Entries(fs::path(branch) / "training", [](const fs::directory_entry& entry) -> std::string {
        const std::string name = entry.path().filename().string();
        return entry.path().extension() == ".jsonl" && name[0] != '.' ? name : "";
      });
  for (OfferedWord& dataset : datasets) {
    const int tier = TierOf(config, dataset.text);
    if (tier >= 0) dataset.about = config.tiers[tier].name;
  }
  return datasets;
}

void AddBackups(const BranchStore& store, Offers* offers) {
  const absl::StatusOr<std::vector<BackupInfo>> backups = store.Backups();
  if (!backups.ok()) return;
  for (const BackupInfo& backup : *backups)
    offers->push_back({backup.name, "of " + VersionName(backup.version)});
}

// Whole versions by their number, previous, the pins, the backups.
Offers Versions(const Config& config) {
  const fs::path adapters = config.AdaptersDir();
  Offers offers = Entries(adapters / "versions", [](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    return name[0] == 'v' ? name : "";
  });
  const Offers links = Entries(adapters, [](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    std::error_code ignored;
    return entry.is_symlink(ignored) && name != "current" ? name : "";
  });
  for (const OfferedWord& link : links) {
    std::error_code ignored;
    const fs::path target = fs::read_symlink(adapters / link.text, ignored);
    offers.push_back({link.text, "is " + target.filename().string()});
  }
  const absl::StatusOr<BranchStore> store = BranchStore::Open(adapters);
  if (!store.ok()) return offers;
  for (OfferedWord& offer : offers) {
    if (offer.text == VersionName(store->current())) offer.about = "current";
    if (offer.text == VersionName(store->previous())) offer.about = "previous";
  }
  AddBackups(*store, &offers);
  return offers;
}

// What restore takes too, and the base alone; a path has a slash.
Completion Adapters(const Config& config, const std::string& word) {
  if (word.find('/') != std::string::npos) return {Completion::Kind::kFolders};
  Completion completion;
  completion.offers = {{"current"}, {"previous"}, {"none", "the base model alone"}};
  for (OfferedWord& version : Versions(config)) {
    if (version.text != "previous") completion.offers.push_back(std::move(version));
  }
  return completion;
}

std::string FirstSentence(const std::string& key) {
  const std::vector<std::string> paragraphs = SampleComment(key);
  if (paragraphs.empty()) return "";
  const size_t end = paragraphs[0].find_first_of(".:");
  return paragraphs[0].substr(0, end);
}

Offers Keys(const std::string& suffix) {
  Offers keys;
  for (const KeyInfo& key : DescribeKeys())
    keys.push_back({key.key + suffix, FirstSentence(key.key)});
  return keys;
}

// The newest first.
Offers Runs(const Config& config) {
  Offers runs = Entries(config.RunsDir(), [](const fs::directory_entry& entry) {
    std::error_code missing;
    return fs::exists(entry.path() / "run.json", missing) ? entry.path().filename().string() : "";
  });
  std::reverse(runs.begin(), runs.end());
  return runs;
}

// KEY=, and after the sign what that key may be.
Offers SettingsFor(const std::string& word) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos) return Keys("=");
  Offers values;
  for (const KeyInfo& key : DescribeKeys()) {
    if (key.key != word.substr(0, equals)) continue;
    for (const std::string& choice : key.choices)
      values.push_back(
          {absl::StrCat(key.key, "=", choice), choice == key.default_value ? "default" : ""});
  }
  return values;
}

Completion Words(Offers offers) { return {Completion::Kind::kWords, std::move(offers)}; }

}  // namespace

Completion ValuesInBranch(const std::string& type, const std::string& branch,
                          const std::string& word) {
  if (type == kKeyValue) return Words(Keys(""));
  if (type == kSettingValue) return Words(SettingsFor(word));
  // A branch.yaml that is being edited is no reason to offer nothing.
  absl::StatusOr<Config> config = LoadConfig(branch, {});
  if (!config.ok()) {
    config = Config();
    config->branch = fs::path(branch);
  }
  if (type == kDatasetValue) return Words(Datasets(*config, branch));
  if (type == kVersionValue) return Words(Versions(*config));
  if (type == kRunValue) return Words(Runs(*config));
  if (type == kAdapterValue) return Adapters(*config, word);
  return {};
}

}  // namespace strata
