// Names what every command of the program is made of: its options, its action, its exit code.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/exit_code.h"
#include "coordinator/config/config.h"

namespace strata {

// What the command line chose to do; main runs it once all of the line has been read.
using Action = std::function<absl::StatusOr<ExitCode>()>;

// What an option's value is, as --help shows it; shell completion goes by it too. Beside these:
// "DIR" and "FILE".
inline constexpr char kKeyValue[] = "KEY";            // of branch.yaml
inline constexpr char kSettingValue[] = "KEY=VALUE";  // the same with a value
inline constexpr char kDatasetValue[] = "DATASET";    // a file of training/
inline constexpr char kVersionValue[] = "VERSION";    // what restore takes: versions, backups, pins
inline constexpr char kRunValue[] = "RUN";            // a folder of runs/
inline constexpr char kAdapterValue[] =
    "ADAPTER";  // what evaluate takes: one more, none or a folder

// Options of every command that works on a branch.
struct BranchOptions {
  std::string branch = ".";
  std::vector<std::string> set;  // KEY=VALUE
  bool json = false;
  // Errors as LoadConfig.
  absl::StatusOr<Config> Load() const;
};

// To standard error, so that what is printed stays whole: also with --json.
void PrintWarning(const std::string& sentence);

// Adds -C, --set and --json.
void AddBranchOptions(CLI::App* command, BranchOptions* options);

// Adds a command that has no arguments of its own.
void AddBranchCommand(CLI::App* app, const char* name, const char* about, Action* action,
                      absl::StatusOr<ExitCode> (*run)(const BranchOptions&));

// Adds --adapter; what *adapter is now is its default.
void AddAdapterOption(CLI::App* command, std::string* adapter);

// Each adds one subcommand and sets *action when it is chosen.
void AddConfig(CLI::App* app, Action* action);
void AddCompletion(CLI::App* app, Action* action);
void AddInit(CLI::App* app, Action* action);
void AddPlan(CLI::App* app, Action* action);
void AddInspect(CLI::App* app, Action* action);
void AddTrain(CLI::App* app, Action* action);
void AddRebuild(CLI::App* app, Action* action);
void AddStatus(CLI::App* app, Action* action);
void AddBranches(CLI::App* app, Action* action);
void AddWatch(CLI::App* app, Action* action);
void AddHistory(CLI::App* app, Action* action);
void AddBackups(CLI::App* app, Action* action);
void AddRestore(CLI::App* app, Action* action);
void AddExclude(CLI::App* app, Action* action);
void AddInclude(CLI::App* app, Action* action);
void AddRelease(CLI::App* app, Action* action);
void AddPin(CLI::App* app, Action* action);
void AddUnpin(CLI::App* app, Action* action);
void AddVerify(CLI::App* app, Action* action);
void AddEvaluate(CLI::App* app, Action* action);
void AddExport(CLI::App* app, Action* action);
void AddGenerate(CLI::App* app, Action* action);
void AddAsk(CLI::App* app, Action* action);
void AddImport(CLI::App* app, Action* action);
void AddDoctor(CLI::App* app, Action* action);
void AddAdopt(CLI::App* app, Action* action);
void AddSubmit(CLI::App* app, Action* action);
void AddJobs(CLI::App* app, Action* action);
void AddCancel(CLI::App* app, Action* action);

}  // namespace strata
