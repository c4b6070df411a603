// backups: what restore takes beside versions.
#include <cstdio>

#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/store_json.h"
#include "coordinator/cli/terminal.h"
#include "coordinator/cli/text_table.h"
#include "coordinator/cli/text_width.h"
#include "coordinator/run/branch_start.h"

namespace strata {
namespace {

absl::StatusOr<ExitCode> RunBackups(const BranchOptions& options) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  ASSIGN_OR_RETURN(const BranchStore store, OpenBranchStore(config));
  ASSIGN_OR_RETURN(const std::vector<BackupInfo> backups, store.Backups());
  if (options.json) {
    std::printf("%s\n", DumpJson(BackupsToJson(backups), 1).c_str());
    return ExitCode::kOk;
  }
  TextTable table({{"backup"}, {"of"}, {"made", false, false, /*leaves=*/1}});
  for (const BackupInfo& backup : backups)
    table.AddRow({{backup.name}, {VersionName(backup.version)}, {backup.when, Style::kDim}});
  if (backups.empty()) {
    std::printf("no backups yet\n");
  } else {
    std::printf("%s", table.Render(Terminal::Of(fileno(stdout))).c_str());
  }
  for (const PinInfo& pin : store.Pins()) {
    std::printf("%s is %s, pinned\n", PadRight(Printable(pin.name), 40).c_str(),
                VersionName(pin.version).c_str());
  }
  return ExitCode::kOk;
}

}  // namespace

void AddBackups(CLI::App* app, Action* action) {
  AddBranchCommand(
      app, "backups",
      "List the backups and pins, all that restore takes beside versions (--json: the backups; "
      "status --json has the pins)",
      action, RunBackups);
}

}  // namespace strata
