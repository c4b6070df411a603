#include "coordinator/config/branch_yaml.h"

#include <algorithm>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/config/branch_keys.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

// Without the slash at the end that would hide the folder's name.
absl::StatusOr<fs::path> AbsoluteFolder(const fs::path& folder) {
  std::error_code error;
  fs::path path = fs::absolute(folder.empty() ? fs::path(".") : folder, error).lexically_normal();
  if (error)
    return absl::NotFoundError(
        absl::StrCat("no branch there: ", error.message(), ": ", folder.string()));
  return path.has_filename() ? path : path.parent_path();
}

absl::StatusOr<std::string> ReadBranchYaml(const fs::path& branch, const fs::path& file) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (status.type() == fs::file_type::not_found) {
    return absl::NotFoundError(absl::StrCat(
        "no branch.yaml: this folder is not a branch; name one by -C DIR, or make one by "
        "`strata init DIR --base-model PATH`: ",
        branch.string()));
  }
  if (status.type() == fs::file_type::none) {
    return absl::UnavailableError(
        absl::StrCat("cannot read ", file.string(), ": ", error.message()));
  }
  // A pipe would be waited for, for ever.
  if (!fs::is_regular_file(status)) {
    return absl::UnavailableError(absl::StrCat("not a regular file: ", file.string()));
  }
  std::ifstream in(file, std::ios::binary);
  std::string text(kBranchYamlBytesMax + 1, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in && !in.eof()) {
    return absl::UnavailableError(
        absl::StrCat("cannot read it; look at its permissions: ", file.string()));
  }
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > kBranchYamlBytesMax) {
    return absl::FailedPreconditionError(absl::StrCat(file.string(),
                                                      ":1: too large for a configuration, at most ",
                                                      kBranchYamlBytesMax, " bytes"));
  }
  return text;
}

absl::Status ApplyFile(const std::string& text, const fs::path& file, Config* config) {
  ASSIGN_OR_RETURN(const YamlValue document, YamlValue::Parse(text, {file.string()}, ""));
  if (document.IsNull()) return document.Error("empty; it needs at least model_name_or_path: PATH");
  ASSIGN_OR_RETURN(std::vector<YamlEntry> written, document.Entries());
  const std::vector<KeyRow<Config>> rows = BranchKeys();
  ASSIGN_OR_RETURN(const std::vector<YamlEntry> entries,
                   UnderOurKeys(std::move(written), KeysOf(rows)));
  for (const YamlEntry& entry : entries) RETURN_IF_ERROR(SetKey(rows, entry, config));
  return absl::OkStatus();
}

absl::Status ApplyOverride(const std::string& override_text, Config* config) {
  const size_t equals = override_text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set takes KEY=VALUE, as in --set lora_r=8; got: ", override_text));
  }
  const std::string key = override_text.substr(0, equals);
  ASSIGN_OR_RETURN(YamlValue value,
                   YamlValue::Parse(override_text.substr(equals + 1),
                                    {"--set " + override_text, /*is_file=*/false}, key));
  const std::vector<KeyRow<Config>> rows = BranchKeys();
  ASSIGN_OR_RETURN(const std::vector<YamlEntry> entries,
                   UnderOurKeys({{key, std::move(value), key}}, KeysOf(rows)));
  return SetKey(rows, entries[0], config);
}

// Fields whose default comes from other fields, and paths that are relative to the branch.
void Complete(Config* config) {
  if (config->name.empty()) config->name = config->branch.filename().string();
  if (config->model_name_or_path.empty()) return;
  if (config->base_model_name.empty())
    config->base_model_name = config->model_name_or_path.string();
  const fs::path model = (config->branch / config->model_name_or_path).lexically_normal();
  config->model_name_or_path = model.has_filename() ? model : model.parent_path();
}

}  // namespace

absl::StatusOr<Config> LoadConfig(const fs::path& branch,
                                  const std::vector<std::string>& overrides) {
  Config config;
  ASSIGN_OR_RETURN(config.branch, AbsoluteFolder(branch));
  const fs::path file = config.branch / "branch.yaml";
  ASSIGN_OR_RETURN(const std::string text, ReadBranchYaml(config.branch, file));
  RETURN_IF_ERROR(ApplyFile(text, file, &config));
  for (const std::string& override_text : overrides)
    RETURN_IF_ERROR(ApplyOverride(override_text, &config));
  Complete(&config);
  const absl::Status valid = Validate(config);
  if (!valid.ok())
    return absl::Status(valid.code(), absl::StrCat(file.string(), ": ", valid.message()));
  return config;
}

std::vector<std::string> KnownKeys() {
  std::vector<std::string> keys;
  for (const KeyRow<Config>& row : BranchKeys()) keys.emplace_back(row.key);
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
