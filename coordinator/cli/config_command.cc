// config: every setting in force, where it came from, and what it means.
#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/terminal.h"
#include "coordinator/cli/text_table.h"
#include "coordinator/cli/text_width.h"
#include "coordinator/config/branch_sample.h"
#include "coordinator/config/branch_yaml.h"
#include "coordinator/config/field_keys.h"

namespace strata {
namespace {

constexpr char kDefaultSource[] = "default";

struct ConfigRequest {
  BranchOptions branch;
  std::string key;  // "" is all
  bool changed = false, sample = false;
};

// A key in force beside what the table says of it.
struct Setting {
  KeyInfo info;
  Effective now;
  bool changed() const { return now.source != kDefaultSource && now.value != info.default_value; }
};

std::vector<Setting> Settings(const LoadedConfig& loaded) {
  const std::vector<KeyInfo> keys = DescribeKeys();
  std::vector<Setting> settings;
  for (size_t i = 0; i < keys.size(); ++i) settings.push_back({keys[i], loaded.effective[i]});
  return settings;
}

std::string Sentences(const std::string& key) {
  std::string text;
  for (const std::string& paragraph : SampleComment(key))
    absl::StrAppend(&text, text.empty() ? "" : "\n", paragraph);
  return text;
}

// What is not UTF-8 is no JSON either.
Json ValueOf(const std::string& shown) {
  absl::StatusOr<Json> value = ParseJson(shown, "value");
  return value.ok() ? *std::move(value) : Json(shown);
}

// A text without its quotes, as one would write it.
std::string Plain(const std::string& shown) {
  const Json value = ValueOf(shown);
  return value.is_string() && value != "" ? value.get<std::string>() : shown;
}

// `all` adds what does not depend on the branch.
Json ToJson(const Setting& setting, bool all) {
  Json json = {{"value", ValueOf(setting.now.value)}, {"source", setting.now.source}};
  if (!all) return json;
  json["key"] = setting.info.key;
  json["default"] = ValueOf(setting.info.default_value);
  json["allowed"] = setting.info.allowed;
  json["meaning"] = Sentences(setting.info.key);
  return json;
}

void PrintAll(const std::vector<Setting>& settings, bool only_changed) {
  const Terminal terminal = Terminal::Of(fileno(stdout));
  TextTable table({{"key"}, {"from", false, /*shrinks=*/true}, {"value", false, /*shrinks=*/true}});
  for (const Setting& setting : settings) {
    if (only_changed && !setting.changed()) continue;
    const bool is_default = setting.now.source == kDefaultSource;
    table.AddRow({{setting.now.key},
                  {setting.now.source, is_default ? Style::kDim : Style::kCyan},
                  {Plain(setting.now.value), setting.changed() ? Style::kBold : Style::kPlain}});
  }
  std::printf("%s", table.Render(terminal).c_str());
}

void PrintOne(const Setting& setting) {
  const Terminal terminal = Terminal::Of(fileno(stdout));
  const auto line = [&](const char* what, const std::string& text) {
    std::printf("%s  %s\n", terminal.Styled(Style::kDim, PadRight(what, 8)).c_str(), text.c_str());
  };
  std::printf("%s\n", terminal.Styled(Style::kBold, setting.info.key).c_str());
  line("value", Plain(setting.now.value));
  line("from", setting.now.source);
  line("default", Plain(setting.info.default_value));
  line("allowed", setting.info.allowed);
  std::printf("\n");
  for (const std::string& paragraph : SampleComment(setting.info.key)) {
    const bool is_example = paragraph[0] == ' ';
    for (const std::string& words :
         is_example ? std::vector{paragraph} : Wrapped(paragraph, terminal.columns))
      std::printf("%s\n", words.c_str());
  }
}

absl::StatusOr<Setting> Find(const std::vector<Setting>& settings, std::string key) {
  if (const Alias* alias = AliasOf(key); alias != nullptr) key = alias->ours;
  for (const Setting& setting : settings) {
    if (setting.info.key == key) return setting;
  }
  return absl::InvalidArgumentError(absl::StrCat(key, " ", UnusableKeyReason(key, KnownKeys())));
}

absl::StatusOr<ExitCode> RunConfig(const ConfigRequest& request) {
  if (request.sample) {
    std::printf("%s", std::string(BranchSample()).c_str());
    return ExitCode::kOk;
  }
  ASSIGN_OR_RETURN(const LoadedConfig loaded,
                   LoadConfigWithSources(request.branch.branch, request.branch.set));
  const std::vector<Setting> settings = Settings(loaded);
  if (!request.key.empty()) {
    ASSIGN_OR_RETURN(const Setting setting, Find(settings, request.key));
    if (request.branch.json) {
      std::printf("%s\n", DumpJson(ToJson(setting, /*all=*/true), 1).c_str());
    } else {
      PrintOne(setting);
    }
    return ExitCode::kOk;
  }
  if (!request.branch.json) {
    PrintAll(settings, request.changed);
    return ExitCode::kOk;
  }
  Json json = Json::object();
  for (const Setting& setting : settings) {
    if (!request.changed || setting.changed())
      json[setting.info.key] = ToJson(setting, /*all=*/false);
  }
  std::printf("%s\n", DumpJson(json, 1).c_str());
  return ExitCode::kOk;
}

}  // namespace

void AddConfig(CLI::App* app, Action* action) {
  CLI::App* command =
      app->add_subcommand("config", "Show every setting in force, and where it came from");
  auto request = std::make_shared<ConfigRequest>();
  AddBranchOptions(command, &request->branch);
  CLI::Option* key =
      command
          ->add_option("KEY", request->key, "One setting: its default, its bounds, its meaning too")
          ->type_name(kKeyValue);
  CLI::Option* changed =
      command->add_flag("--changed", request->changed, "Only what differs from the defaults");
  changed->excludes(key);
  command
      ->add_flag("--sample", request->sample,
                 "Print a branch.yaml of every setting with its default and why")
      ->excludes(changed)
      ->excludes(command->get_option("--json"));
  command->callback([=] { *action = [=] { return RunConfig(*request); }; });
}

}  // namespace strata
