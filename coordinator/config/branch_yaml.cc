#include "coordinator/config/branch_yaml.h"

#include <algorithm>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/folder_path.h"
#include "common/status_macros.h"
#include "coordinator/config/branch_keys.h"
#include "coordinator/config/layers.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<fs::path> AbsoluteFolder(const fs::path& folder) {
  std::error_code error;
  const fs::path path = fs::absolute(folder.empty() ? fs::path(".") : folder, error);
  if (error)
    return absl::NotFoundError(
        absl::StrCat("no branch there: ", error.message(), ": ", folder.string()));
  return FolderPath(path);
}

// A Config in the making, and where each of its keys came from.
struct Loading {
  Config config;
  std::vector<KeyRow<Config>> rows = BranchKeys();
  std::map<std::string, YamlEntry> set;     // by key: what its value was read from
  std::map<std::string, fs::path> folders;  // by key: what its path is relative to
};

absl::Status Apply(const Layer& layer, Loading* loading) {
  ASSIGN_OR_RETURN(const std::vector<YamlEntry> entries,
                   UnderOurKeys(layer.entries, KeysOf(loading->rows)));
  for (const YamlEntry& entry : entries) {
    RETURN_IF_ERROR(SetKey(loading->rows, entry, &loading->config, {std::string(kExtendsKey)}));
    loading->folders[entry.key] = layer.folder;
    loading->set.insert_or_assign(entry.key, entry);
  }
  return absl::OkStatus();
}

absl::Status ApplyOverride(const std::string& override_text, Loading* loading) {
  const size_t equals = override_text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set takes KEY=VALUE, as in --set lora_r=8; got: ", override_text));
  }
  const std::string key = override_text.substr(0, equals);
  ASSIGN_OR_RETURN(const YamlValue value,
                   YamlValue::Parse(override_text.substr(equals + 1),
                                    {"--set " + override_text, "--set", /*is_file=*/false}, key));
  if (key == kExtendsKey) return value.Error("is read from files only; write it into branch.yaml");
  return Apply({loading->config.branch, {{key, value, key}}}, loading);
}

// Fields whose default comes from other fields, and paths that are relative to a file. An empty
// text asks for that default.
void Complete(Loading* loading) {
  Config& config = loading->config;
  if (config.name.empty()) {
    config.name = config.branch.filename().string();
    loading->set.erase("name");
  }
  if (config.chat_template.ends_with(".jinja")) {
    config.chat_template =
        (loading->folders["chat_template"] / config.chat_template).lexically_normal().string();
  }
  for (const auto& [key, file] :
       {std::pair{"tls_certificate_file", &config.tls_certificate_file},
        std::pair{"tls_key_file", &config.tls_key_file}, std::pair{"hostfile", &config.hostfile},
        std::pair{"slurm_template", &config.slurm_template}}) {
    if (!file->empty()) *file = (loading->folders[key] / *file).lexically_normal();
  }
  for (const auto& [key, path] : {std::pair{"logging_dir", &config.logging_dir},
                                  std::pair{"metrics_file", &config.metrics_file}}) {
    if (!path->empty()) *path = (loading->folders[key] / *path).lexically_normal().string();
  }
  if (!config.backup_mirror.empty()) {
    config.backup_mirror = FolderPath(loading->folders["backup_mirror"] / config.backup_mirror);
  }
  if (config.model_name_or_path.empty()) return;
  if (config.base_model_name.empty()) {
    config.base_model_name = config.model_name_or_path.string();
    loading->set.erase("base_model_name");
  }
  config.model_name_or_path =
      FolderPath(loading->folders["model_name_or_path"] / config.model_name_or_path);
}

// A message of Validate begins with the key at fault: put where that was set before it.
absl::Status Placed(const absl::Status& invalid, const Loading& loading) {
  const std::string message(invalid.message());
  const auto at = loading.set.find(message.substr(0, message.find(':')));
  const std::string place = at != loading.set.end()
                                ? at->second.value.FullPlace()
                                : (loading.config.branch / "branch.yaml").string();
  return absl::Status(invalid.code(), absl::StrCat(place, ": ", message));
}

std::string SourceOf(const std::string& key, const Loading& loading) {
  const auto at = loading.set.find(key);
  if (at == loading.set.end()) return "default";
  const YamlEntry& entry = at->second;
  return entry.written == key ? entry.value.Place()
                              : absl::StrCat(entry.written, " at ", entry.value.Place());
}

}  // namespace

absl::StatusOr<LoadedConfig> LoadConfigWithSources(const fs::path& branch,
                                                   const std::vector<std::string>& overrides) {
  Loading loading;
  ASSIGN_OR_RETURN(loading.config.branch, AbsoluteFolder(branch));
  ASSIGN_OR_RETURN(const std::vector<Layer> layers, ReadLayers(loading.config.branch));
  for (const Layer& layer : layers) RETURN_IF_ERROR(Apply(layer, &loading));
  for (const std::string& override_text : overrides)
    RETURN_IF_ERROR(ApplyOverride(override_text, &loading));
  Complete(&loading);
  const absl::Status valid = Validate(loading.config);
  if (!valid.ok()) return Placed(valid, loading);
  LoadedConfig loaded;
  for (const KeyRow<Config>& row : loading.rows) {
    const std::string key(row.key);
    loaded.effective.push_back({key, row.show(loading.config), SourceOf(key, loading)});
  }
  loaded.config = std::move(loading.config);
  return loaded;
}

absl::StatusOr<Config> LoadConfig(const fs::path& branch,
                                  const std::vector<std::string>& overrides) {
  ASSIGN_OR_RETURN(LoadedConfig loaded, LoadConfigWithSources(branch, overrides));
  return std::move(loaded.config);
}

std::vector<KeyInfo> DescribeKeys() {
  const Config defaults;
  std::vector<KeyInfo> keys;
  for (const KeyRow<Config>& row : BranchKeys()) {
    keys.push_back({std::string(row.key), row.show(defaults), row.allowed, row.choices});
  }
  return keys;
}

std::vector<std::string> KnownKeys() {
  std::vector<std::string> keys = KeysOf(BranchKeys());
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::vector<std::pair<std::string, std::string>> EffectiveValues(const Config& config) {
  std::vector<std::pair<std::string, std::string>> values;
  for (const KeyRow<Config>& row : BranchKeys())
    values.emplace_back(std::string(row.key), row.show(config));
  return values;
}

}  // namespace strata
