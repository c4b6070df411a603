#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/counted.h"
#include "common/folder_path.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/run/adopt.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr char kAbout[] =
    "Take over a branch whose adapters lie in plain folders (current, previous, backups)";

constexpr char kMore[] =
    "DIR has adapters/lora_adapters/current as a real folder, as the Python system left it. "
    "Without -C it is the branch itself: make its branch.yaml first, with strata init DIR "
    "--base-model PATH.\n"
    "With -C the adapters of DIR are taken into another branch, and DIR is only read.\n"
    "Each distinct adapter becomes a version, backups keep their names, snapshots become pins, and "
    "the old folder stays whole as adapters/lora_adapters.original.\n"
    "Datasets that the old history names count as trained, by its word; --retrain leaves them "
    "pending.";

struct AdoptOptions {
  BranchOptions branch;
  fs::path old;
  bool retrain = false;
};

std::string SentenceOnPrevious(const AdoptResult& result) {
  if (!result.previous_was_current) return "";
  if (result.versions.size() < 2) {
    return "previous was a copy of current, and no backup holds an older adapter: there is no "
           "previous";
  }
  const AdoptedVersion& before = result.versions[result.versions.size() - 2];
  return absl::StrCat("previous was a copy of current; the adapter before it is in ",
                      before.names.front(), " and becomes previous (", VersionName(before.version),
                      ")");
}

std::string Named(const std::vector<std::pair<std::string, Version>>& names) {
  return absl::StrJoin(names, ", ", [](std::string* out, const auto& name) {
    absl::StrAppend(out, name.first, " (", VersionName(name.second), ")");
  });
}

void PrintVersions(const AdoptResult& result) {
  for (size_t i = 0; i < result.versions.size(); ++i) {
    const AdoptedVersion& adopted = result.versions[i];
    const size_t behind = result.versions.size() - 1 - i;
    std::printf("%-9s %s  %s  was %s\n", VersionName(adopted.version).c_str(), adopted.time.c_str(),
                behind == 0   ? "is current, "
                : behind == 1 ? "is previous,"
                              : "            ",
                absl::StrJoin(adopted.names, ", ").c_str());
  }
  if (const std::string sentence = SentenceOnPrevious(result); !sentence.empty())
    std::printf("previous  %s\n", sentence.c_str());
}

void PrintText(const Config& config, const AdoptResult& result) {
  const std::string branch = config.branch.string();
  if (result.already) {
    std::printf("adopted   already%s\n",
                result.finished ? "; what a kill had left undone is done now" : "");
  } else {
    std::printf("adopted   %s into %s\n", Counted(result.versions.size(), "adapter").c_str(),
                branch.c_str());
  }
  PrintVersions(result);
  if (!result.backups.empty()) std::printf("backups   %s\n", Named(result.backups).c_str());
  if (!result.pins.empty()) std::printf("pins      %s\n", Named(result.pins).c_str());
  for (const LeftFolder& left : result.left)
    std::printf("left      %s, in the old folder alone: %s\n", left.name.c_str(),
                left.reason.c_str());
  if (!result.trained.empty()) {
    std::printf(
        "trained   %zu datasets, by the word of the old history, not measured here; strata "
        "train --all trains them again\n",
        result.trained.size());
  }
  std::printf("pending   %s\n",
              result.pending.empty() ? "nothing" : absl::StrJoin(result.pending, ", ").c_str());
  std::printf("original  %s, as it was; remove it when you need it no more\n",
              result.original.c_str());
  std::printf("next      strata %s -C %s\n", result.pending.empty() ? "status" : "plan",
              branch.c_str());
}

Json NamedJson(const std::vector<std::pair<std::string, Version>>& names) {
  Json list = Json::array();
  for (const auto& [name, version] : names)
    list.push_back({{"name", name}, {"version", VersionName(version)}});
  return list;
}

Json ToJson(const AdoptResult& result, const std::vector<std::string>& warnings) {
  Json json = {{"already", result.already},
               {"finished", result.finished},
               {"versions", Json::array()},
               {"previous_was_current", result.previous_was_current},
               {"backups", NamedJson(result.backups)},
               {"pins", NamedJson(result.pins)},
               {"left", Json::array()},
               {"trained_elsewhere", Json::array()},
               {"pending", result.pending},
               {"original", result.original.string()},
               {"warnings", warnings}};
  for (const AdoptedVersion& adopted : result.versions) {
    json["versions"].push_back({{"version", VersionName(adopted.version)},
                                {"names", adopted.names},
                                {"last_updated", adopted.time}});
  }
  for (const LeftFolder& left : result.left)
    json["left"].push_back({{"name", left.name}, {"reason", left.reason}});
  for (const StageResult& stage : result.trained) {
    json["trained_elsewhere"].push_back(
        {{"dataset", stage.dataset}, {"examples", stage.examples}, {"sha256", stage.sha256.Hex()}});
  }
  return json;
}

absl::StatusOr<ExitCode> RunAdopt(const AdoptOptions& options) {
  ASSIGN_OR_RETURN(const Config config, options.branch.Load());
  std::vector<std::string> warnings;
  AdoptRequest request;
  request.old = FolderPath(fs::absolute(options.old));
  request.retrain = options.retrain;
  request.on_warning = [&](const std::string& sentence) {
    warnings.push_back(sentence);
    if (!options.branch.json) PrintWarning(sentence);
  };
  ASSIGN_OR_RETURN(const AdoptResult result, AdoptBranch(config, request));
  if (options.branch.json) {
    std::printf("%s\n", DumpJson(ToJson(result, warnings), 1).c_str());
  } else {
    PrintText(config, result);
  }
  return ExitCode::kOk;
}

}  // namespace

void AddAdopt(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand("adopt", kAbout);
  command->footer(kMore);
  auto options = std::make_shared<AdoptOptions>();
  AddBranchOptions(command, &options->branch);
  command->add_option("DIR", options->old, "The old branch's folder")->type_name("DIR")->required();
  command->add_flag("--retrain", options->retrain,
                    "Leave every dataset pending, whatever the old history says");
  command->callback([=] {
    if (command->get_option("--branch")->count() == 0)
      options->branch.branch = options->old.string();
    *action = [=] { return RunAdopt(*options); };
  });
}

}  // namespace strata
