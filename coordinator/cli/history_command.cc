// history: all that current was trained on.
#include <cstdio>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/stage_view.h"
#include "coordinator/cli/terminal.h"
#include "coordinator/cli/text_table.h"
#include "coordinator/run/branch_start.h"

namespace strata {
namespace {

// 0 is a figure of a training, and unknown of one elsewhere.
bool KnowsEpochs(const HistoryEntry& entry) { return entry.loss || entry.epochs > 0; }

void PrintHistory(const std::vector<HistoryEntry>& history) {
  TextTable table({{"version"},
                   {"when", false, false, /*leaves=*/3},
                   {"tier", false, false, /*leaves=*/2},
                   {"dataset", false, /*shrinks=*/true},
                   {"examples", true},
                   {"epochs", true, false, /*leaves=*/1},
                   {"loss", true}});
  std::vector<std::string> tiers;
  for (const HistoryEntry& entry : history) tiers.push_back(entry.tier);
  std::map<std::string, Style> styles = TierStyles(tiers);
  for (const HistoryEntry& entry : history) {
    table.AddRow({{VersionName(entry.version)},
                  {entry.timestamp, Style::kDim},
                  entry.tier.empty() ? TableCell{"-"} : TableCell{entry.tier, styles[entry.tier]},
                  {entry.dataset},
                  {absl::StrCat(entry.examples)},
                  {KnowsEpochs(entry) ? absl::StrCat(entry.epochs) : "-"},
                  entry.loss ? TableCell{absl::StrFormat("%.4f", *entry.loss), Style::kBold}
                             : TableCell{"-"}});
    if (!entry.loss) {
      table.AddNote(3, {absl::StrCat("trained elsewhere, before ", VersionName(entry.version),
                                     " was imported")});
    }
  }
  if (history.empty()) {
    std::printf("nothing trained yet\n");
  } else {
    std::printf("%s", table.Render(Terminal::Of(fileno(stdout))).c_str());
  }
}

absl::StatusOr<ExitCode> RunHistory(const BranchOptions& options) {
  ASSIGN_OR_RETURN(const Config config, options.Load());
  ASSIGN_OR_RETURN(const BranchStore store, OpenBranchStore(config));
  ASSIGN_OR_RETURN(const std::vector<HistoryEntry> history, store.History());
  if (!options.json) {
    PrintHistory(history);
    return ExitCode::kOk;
  }
  Json list = Json::array();
  for (const HistoryEntry& entry : history) {
    list.push_back({{"version", VersionName(entry.version)},
                    {"run", entry.run.value()},
                    {"dataset", entry.dataset},
                    {"tier", entry.tier},
                    {"examples", entry.examples},
                    {"epochs", KnowsEpochs(entry) ? Json(entry.epochs) : Json()},
                    {"loss", entry.loss ? Json(*entry.loss) : Json()},
                    {"timestamp", entry.timestamp}});
  }
  std::printf("%s\n", DumpJson(list, 1).c_str());
  return ExitCode::kOk;
}

}  // namespace

void AddHistory(CLI::App* app, Action* action) {
  AddBranchCommand(app, "history", "Show all that the current adapter was trained on, oldest first",
                   action, RunHistory);
}

}  // namespace strata
