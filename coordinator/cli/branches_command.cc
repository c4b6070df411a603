// branches: a line for each branch below a folder.
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/counted.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "coordinator/cli/branch_folders.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/store_json.h"
#include "coordinator/cli/terminal.h"
#include "coordinator/cli/text_table.h"
#include "coordinator/run/branch_overview.h"
#include "coordinator/run/branch_search.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

Json TextOrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json PendingJson(const std::optional<PendingCount>& pending) {
  if (!pending.has_value()) return {};
  return {{"datasets", pending->datasets},
          {"examples", pending->examples},
          {"held", pending->held},
          {"refused", pending->refused}};
}

Json LastRunJson(const std::optional<LastRun>& run) {
  if (!run.has_value()) return {};
  return {{"run", run->run},
          {"status", run->status},
          {"end_time", run->ended},
          {"loss", run->loss.has_value() ? Json(*run->loss) : Json()}};
}

Json ToJson(const BranchOverview& branch) {
  return {{"branch", branch.folder.string()},
          {"name", TextOrNull(branch.name)},
          {"health", HealthText(branch.health)},
          {"findings", branch.findings},
          {"more", TextOrNull(branch.more)},
          {"current",
           {{"version", NameOrNull(branch.current)}, {"since", TextOrNull(branch.current_since)}}},
          {"pending", PendingJson(branch.pending)},
          {"last_run", LastRunJson(branch.last_run)},
          {"unfinished_runs", branch.unfinished}};
}

// "2025-10-31 10:40", of an ISO 8601 time.
std::string Minute(const std::string& time) {
  if (time.size() < 16) return time;
  return absl::StrCat(time.substr(0, 10), " ", time.substr(11, 5));
}

std::string PendingText(const BranchOverview& branch) {
  if (!branch.pending.has_value()) return "?";
  std::vector<std::string> words;
  if (branch.pending->datasets > 0) {
    words.push_back(absl::StrCat(Counted(branch.pending->datasets, "dataset"), ", ",
                                 Counted(branch.pending->examples, "example")));
  }
  if (branch.pending->refused > 0) words.push_back(absl::StrCat(branch.pending->refused, " bad"));
  if (branch.pending->held > 0) words.push_back(absl::StrCat(branch.pending->held, " held"));
  return words.empty() ? "nothing" : absl::StrJoin(words, ", ");
}

// Without a branch.yaml that can be read it is not known where anything is.
bool IsUnknown(const BranchOverview& branch) { return branch.name.empty(); }

std::string CurrentText(const BranchOverview& branch) {
  if (branch.current.value() != 0) return VersionName(branch.current);
  return IsUnknown(branch) ? "?" : "-";
}

TableCell LastRunCell(const BranchOverview& branch) {
  if (!branch.unfinished.empty()) return {"unfinished", Style::kYellow};
  if (IsUnknown(branch)) return {"?"};
  if (!branch.last_run.has_value()) return {"none yet", Style::kDim};
  const std::string& status = branch.last_run->status;
  return {absl::StrCat(status, " ", Minute(branch.last_run->ended)),
          status == "completed" ? Style::kPlain
          : status == "failed"  ? Style::kRed
                                : Style::kYellow};
}

std::string LossText(const BranchOverview& branch) {
  if (!branch.last_run.has_value() || !branch.last_run->loss.has_value()) return "-";
  return absl::StrFormat("%.4f", *branch.last_run->loss);
}

// As it is seen from the root.
std::string ShownName(const fs::path& folder, const fs::path& root) {
  const std::string below = folder.lexically_relative(root).string();
  return below.empty() || below == "." ? folder.string() : below;
}

void PrintTable(const std::vector<BranchOverview>& branches, const fs::path& root) {
  const Terminal terminal = Terminal::Of(fileno(stdout));
  TextTable table({{"branch", false, /*shrinks=*/true},
                   {"current"},
                   {"since", false, false, /*leaves=*/2},
                   {"pending"},
                   {"last run", false, false, /*leaves=*/1},
                   {"loss", true, false, /*leaves=*/3},
                   {"health"}});
  for (const BranchOverview& branch : branches) {
    const std::string pending = PendingText(branch);
    table.AddRow({{ShownName(branch.folder, root), Style::kBold},
                  {CurrentText(branch)},
                  {Minute(branch.current_since), Style::kDim},
                  {pending, pending == "nothing" ? Style::kDim : Style::kPlain},
                  LastRunCell(branch),
                  {LossText(branch)},
                  {HealthText(branch.health),
                   branch.health == BranchHealth::kHealthy ? Style::kGreen : Style::kRed}});
    for (const std::string& run : branch.unfinished)
      table.AddNote(1, {absl::StrCat("the run ", run,
                                     "; unless it trains now, strata train goes "
                                     "on with it"),
                        Style::kYellow});
    if (branch.findings.empty()) continue;
    const std::string others = branch.findings.size() > 1
                                   ? absl::StrCat(" (and ", branch.findings.size() - 1, " more)")
                                   : std::string();
    table.AddNote(1, {absl::StrCat(branch.findings[0], others), Style::kRed});
    table.AddNote(1, {absl::StrCat("more: ", branch.more)});
  }
  std::printf("%s", table.Render(terminal).c_str());
}

absl::StatusOr<ExitCode> RunBranches(const std::string& root, bool json) {
  ASSIGN_OR_RETURN(const FoundBranches found, FindBranches(root));
  std::vector<BranchOverview> branches;
  for (const fs::path& folder : found.branches) branches.push_back(OverviewOf(folder));
  for (const std::string& folder : found.unreadable) PrintWarning("not looked into: " + folder);
  ExitCode code = branches.empty() ? ExitCode::kUnavailable : ExitCode::kOk;
  for (const BranchOverview& branch : branches) {
    if (code == ExitCode::kOk) code = CodeOf(branch.health);
  }
  if (json) {
    Json document = {{"root", root}, {"branches", Json::array()}, {"unreadable", found.unreadable}};
    for (const BranchOverview& branch : branches) document["branches"].push_back(ToJson(branch));
    std::printf("%s\n", DumpJson(document, 1).c_str());
  } else if (branches.empty()) {
    return NoBranchAt(root);
  } else {
    PrintTable(branches, root);
  }
  return code;
}

}  // namespace

void AddBranches(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand(
      "branches",
      "Show each branch below a folder in a line: what serves, what is pending, the last run, "
      "whether it is well (cheap checks; nothing is tokenised)");
  command->footer(
      "Exit code: 0 when all are well, else that of the first that is not: 65 damaged, 69 run "
      "failed, no base,\nno datasets or no branch, 73 read-only, 78 branch.yaml.");
  auto root = std::make_shared<std::string>(".");
  auto json = std::make_shared<bool>(false);
  command->add_option("ROOT", *root, "The folder; branches up to four levels below it are found")
      ->type_name("DIR")
      ->capture_default_str();
  command->add_flag("--json", *json, "Print JSON");
  command->callback([=] { *action = [=] { return RunBranches(*root, *json); }; });
}

}  // namespace strata
