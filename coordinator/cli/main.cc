// The program `strata`: reads the command line, runs one command, gives its exit code.
#include <string>
#include <vector>

#include "coordinator/cli/command.h"
#include "coordinator/cli/error_text.h"
#include "coordinator/config/field_keys.h"

namespace {

constexpr char kAbout[] =
    "strata keeps one LoRA adapter per branch improving, dataset after dataset, and never loses "
    "one.\n"
    "\n"
    "A branch is a folder: branch.yaml, a base model, and training/*.jsonl. Begin with\n"
    "  strata init DIR --base-model PATH   make a branch\n"
    "  strata plan -C DIR                  see what would be trained, and why\n"
    "  strata train -C DIR                 train it; run it again whenever there is new data\n"
    "  strata status -C DIR                see what serves now\n"
    "  strata generate -C DIR TEXT         have it answer";

constexpr char kExitCodes[] =
    "Exit codes: 0 done, 64 usage, 65 data, 69 something needed is missing, 70 a bug of strata, 73 "
    "can't write,\n"
    "75 interrupted or held by another run: try again, 78 branch.yaml.";

// Where the first word is no command: says so, with the nearest one.
bool PrintUnknownCommand(const CLI::App& app, const std::string& word) {
  if (word.empty() || word[0] == '-') return false;
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    if (command->get_name() == word) return false;
    if (command->get_name()[0] != '_') commands.push_back(command->get_name());
  }
  const std::string meant = strata::MeantKey(word, commands);
  const std::string nearest = meant.empty() ? "" : ", the nearest is " + meant;
  strata::PrintError("no command '" + word + "'" + nearest + "; strata --help lists them all");
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(kAbout, "strata");
  app.footer(kExitCodes);
  app.require_subcommand(1);
  strata::Action action;
  strata::AddInit(&app, &action);
  strata::AddConfig(&app, &action);
  strata::AddPlan(&app, &action);
  strata::AddInspect(&app, &action);
  strata::AddTrain(&app, &action);
  strata::AddRebuild(&app, &action);
  strata::AddStatus(&app, &action);
  strata::AddBranches(&app, &action);
  strata::AddWatch(&app, &action);
  strata::AddHistory(&app, &action);
  strata::AddBackups(&app, &action);
  strata::AddRestore(&app, &action);
  strata::AddExclude(&app, &action);
  strata::AddInclude(&app, &action);
  strata::AddRelease(&app, &action);
  strata::AddPin(&app, &action);
  strata::AddUnpin(&app, &action);
  strata::AddVerify(&app, &action);
  strata::AddEvaluate(&app, &action);
  strata::AddExport(&app, &action);
  strata::AddGenerate(&app, &action);
  strata::AddAsk(&app, &action);
  strata::AddCompletion(&app, &action);
  strata::AddImport(&app, &action);
  strata::AddDoctor(&app, &action);
  strata::AddAdopt(&app, &action);
  strata::AddSubmit(&app, &action);
  strata::AddJobs(&app, &action);
  strata::AddCancel(&app, &action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (argc > 1 && error.get_exit_code() != 0 && PrintUnknownCommand(app, argv[1]))
      return static_cast<int>(strata::ExitCode::kUsage);
    return app.exit(error) == 0 ? 0 : static_cast<int>(strata::ExitCode::kUsage);
  }
  const absl::StatusOr<strata::ExitCode> result = action();
  if (result.ok()) return static_cast<int>(*result);
  strata::PrintError(std::string(result.status().message()));
  return static_cast<int>(strata::ExitCodeOf(result.status()));
}
