#include "coordinator/cli/command.h"

#include <cstdio>

#include "coordinator/config/branch_yaml.h"

namespace strata {

absl::StatusOr<Config> BranchOptions::Load() const { return LoadConfig(branch, set); }

void PrintWarning(const std::string& sentence) {
  std::fprintf(stderr, "strata: %s\n", sentence.c_str());
}

void AddBranchOptions(CLI::App* command, BranchOptions* options) {
  command->add_option("-C,--branch", options->branch, "The branch's folder (with branch.yaml)")
      ->type_name("DIR")
      ->capture_default_str();
  command
      ->add_option("--set", options->set,
                   "KEY=VALUE: one setting of branch.yaml for this command; repeatable")
      ->type_name(kSettingValue)
      ->allow_extra_args(false);
  command->add_flag("--json", options->json, "Print JSON");
}

void AddBranchCommand(CLI::App* app, const char* name, const char* about, Action* action,
                      absl::StatusOr<ExitCode> (*run)(const BranchOptions&)) {
  CLI::App* command = app->add_subcommand(name, about);
  auto options = std::make_shared<BranchOptions>();
  AddBranchOptions(command, options.get());
  command->callback([=] { *action = [=] { return run(*options); }; });
}

void AddAdapterOption(CLI::App* command, std::string* adapter) {
  command
      ->add_option("--adapter", *adapter,
                   "current, previous, none, a version, a pin, a backup or an adapter's folder")
      ->type_name(kAdapterValue)
      ->capture_default_str();
}

}  // namespace strata
