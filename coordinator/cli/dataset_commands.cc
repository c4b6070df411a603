// exclude, include, release: which datasets the plans take.
#include <cstdio>

#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/run/dataset_change.h"

namespace strata {
namespace {

absl::StatusOr<ExitCode> RunChange(const BranchOptions& options, DatasetChange change,
                                   const std::vector<std::string>& names) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  ASSIGN_OR_RETURN(BranchStore store, BranchStore::Open(config.AdaptersDir()));
  ASSIGN_OR_RETURN(const std::vector<ChangedDataset> changed,
                   ChangeDatasets(config, change, names, &store));
  Json list = Json::array();
  bool needs_yaml = false;
  for (const ChangedDataset& dataset : changed) {
    needs_yaml |= dataset.needs_yaml;
    list.push_back({{"dataset", dataset.name},
                    {"changed", dataset.changed},
                    {"now", dataset.now},
                    {"plan", dataset.plan}});
    if (options.json) continue;
    std::printf("%s: %s\n  plan: %s\n", dataset.name.c_str(), dataset.now.c_str(),
                dataset.plan.c_str());
  }
  if (options.json) std::printf("%s\n", DumpJson(list, 1).c_str());
  return needs_yaml ? ExitCode::kConfig : ExitCode::kOk;
}

void AddChange(CLI::App* app, Action* action, DatasetChange change, const char* name,
               const char* about) {
  CLI::App* command = app->add_subcommand(name, about);
  auto options = std::make_shared<BranchOptions>();
  auto names = std::make_shared<std::vector<std::string>>();
  AddBranchOptions(command, options.get());
  command
      ->add_option("DATASET", *names,
                   "Files of training/, with or without .jsonl, or globs in quotes ('*_old*')")
      ->type_name(kDatasetValue)
      ->required();
  command->callback([=] { *action = [=] { return RunChange(*options, change, *names); }; });
}

}  // namespace

void AddExclude(CLI::App* app, Action* action) {
  AddChange(app, action, DatasetChange::kExclude, "exclude",
            "Leave datasets out of what is trained, without touching their files");
}

void AddInclude(CLI::App* app, Action* action) {
  AddChange(app, action, DatasetChange::kInclude, "include", "Take excluded datasets in again");
}

void AddRelease(CLI::App* app, Action* action) {
  AddChange(app, action, DatasetChange::kRelease, "release",
            "Make datasets that a restore took out (held ones) pending again");
}

}  // namespace strata
