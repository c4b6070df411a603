#include "coordinator/slurm/monthly_entry.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/posix_file.h"
#include "common/status_macros.h"
#include "coordinator/export/shell_word.h"
#include "coordinator/launch/program_path.h"
#include "coordinator/slurm/slurm_commands.h"

namespace strata {
namespace {

constexpr char kBegin[] = "# strata monthly: ";
constexpr char kEnd[] = "# end of strata monthly: ";

// A user who has none yet is told so by an error.
bool IsNoneYet(const absl::Status& status) {
  return absl::StrContains(status.message(), "no crontab");
}

bool IsSwitchedOff(const absl::Status& status) {
  return absl::StrContains(status.message(), "scrontab is disabled");
}

absl::Status Install(const std::string& program, const std::string& table) {
  std::string folder = (std::filesystem::temp_directory_path() / "strata-crontab-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr)
    return absl::UnavailableError(absl::StrCat("cannot make ", folder, "; set TMPDIR"));
  FileSystem* const files = FileSystem::Real();
  const std::filesystem::path file = std::filesystem::path(folder) / "table";
  absl::Status done = files->WriteFileDurably(file, table);
  if (done.ok()) done = RunSlurm({program, file.string()}).status();
  const absl::Status removed = files->RemoveTree(folder);
  return done.ok() ? removed : done;
}

absl::Status InstallBy(const std::string& program, const MonthlyEntry& entry) {
  absl::StatusOr<std::string> before = RunSlurm({program, "-l"});
  if (!before.ok() && IsNoneYet(before.status())) before = std::string();
  RETURN_IF_ERROR(before.status());
  return Install(program, WithEntry(*before, entry));
}

}  // namespace

std::string EntryText(const MonthlyEntry& entry) {
  std::vector<std::string> lines = {kBegin + entry.folders};
  for (const std::string& option : entry.options) lines.push_back("#SCRON " + option);
  std::vector<std::string> words;
  // To crontab, % is the end of a command.
  for (const std::string& word : entry.command)
    words.push_back(absl::StrReplaceAll(ShellWord(word), {{"%", "\\%"}}));
  lines.push_back(absl::StrCat(kMonthly, " ", absl::StrJoin(words, " ")));
  lines.push_back(kEnd + entry.folders);
  return absl::StrJoin(lines, "\n") + "\n";
}

std::string WithEntry(const std::string& crontab, const MonthlyEntry& entry) {
  std::istringstream lines(crontab);
  std::string kept;
  bool within = false, placed = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == kBegin + entry.folders) within = true;
    if (!within) absl::StrAppend(&kept, line, "\n");
    if (!within || line != kEnd + entry.folders) continue;
    within = false;
    if (!placed) absl::StrAppend(&kept, EntryText(entry));
    placed = true;
  }
  return placed ? kept : kept + EntryText(entry);
}

absl::StatusOr<std::string> InstallEntry(const MonthlyEntry& entry) {
  for (const char* program : {"scrontab", "crontab"}) {
    if (FindProgram(program).empty()) continue;
    const absl::Status installed = InstallBy(program, entry);
    if (IsSwitchedOff(installed)) continue;
    RETURN_IF_ERROR(installed);
    return std::string(program);
  }
  return absl::NotFoundError(
      "neither scrontab nor crontab can be had here, to submit each month; have the cluster switch "
      "scrontab on (ScronParameters in slurm.conf), or run the last line but one of --dry-run each "
      "month by other means (deploy/systemd has a timer)");
}

}  // namespace strata
