#include "coordinator/slurm/monthly_entry.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/posix_file.h"
#include "common/shell_word.h"
#include "common/status_macros.h"
#include "coordinator/launch/program_path.h"
#include "coordinator/slurm/sbatch_word.h"
#include "coordinator/slurm/slurm_commands.h"

namespace strata {
namespace {

constexpr uint64_t kTableBytesMax = 16 << 20;

constexpr char kBegin[] = "# strata monthly: ";
constexpr char kEnd[] = "# end of strata monthly: ";

// A user who has none yet is told so by an error.
bool IsNoneYet(const absl::Status& status) {
  return absl::StrContains(status.message(), "no crontab");
}

bool IsSwitchedOff(const absl::Status& status) {
  return absl::StrContains(status.message(), "scrontab is disabled");
}

// What the program prints as the user's table, and nothing that it says beside.
absl::StatusOr<std::string> TableOf(const std::string& program, const std::filesystem::path& file) {
  const absl::StatusOr<std::string> said =
      RunSlurm({"sh", "-c", "exec \"$0\" -l >\"$1\"", program, file.string()});
  if (!said.ok() && IsNoneYet(said.status())) return std::string();
  RETURN_IF_ERROR(said.status());
  return ReadFile(file, kTableBytesMax);
}

absl::Status InstallIn(const std::filesystem::path& folder, const std::string& program,
                       const MonthlyEntry& entry) {
  ASSIGN_OR_RETURN(const std::string before, TableOf(program, folder / "before"));
  ASSIGN_OR_RETURN(const std::string table, WithEntry(before, entry));
  RETURN_IF_ERROR(FileSystem::Real()->WriteFileDurably(folder / "table", table));
  return RunSlurm({program, (folder / "table").string()}).status();
}

absl::Status InstallBy(const std::string& program, const MonthlyEntry& entry) {
  std::string folder = (std::filesystem::temp_directory_path() / "strata-crontab-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr)
    return absl::UnavailableError(absl::StrCat("cannot make ", folder, "; set TMPDIR"));
  const absl::Status done = InstallIn(folder, program, entry);
  const absl::Status removed = FileSystem::Real()->RemoveTree(folder);
  return done.ok() ? removed : done;
}

}  // namespace

std::vector<std::string> EnvironmentForSlurm() {
  std::vector<std::string> words;
  const std::string folder = FindProgram("sbatch").parent_path().string();
  if (!folder.empty() && folder != "/usr/bin" && folder != "/bin")
    words.push_back(absl::StrCat("PATH=", folder, ":/usr/bin:/bin"));
  if (const char* configuration = std::getenv("SLURM_CONF"))
    words.push_back(absl::StrCat("SLURM_CONF=", configuration));
  if (!words.empty()) words.insert(words.begin(), "env");
  return words;
}

std::string EntryText(const MonthlyEntry& entry) {
  std::vector<std::string> lines = {kBegin + entry.folders};
  for (const std::string& option : entry.options) lines.push_back("#SCRON " + SbatchWord(option));
  std::vector<std::string> words;
  // To crontab, % is the end of a command.
  for (const std::string& word : entry.command)
    words.push_back(absl::StrReplaceAll(ShellWord(word), {{"%", "\\%"}}));
  lines.push_back(absl::StrCat(kMonthly, " ", absl::StrJoin(words, " ")));
  lines.push_back(kEnd + entry.folders);
  return absl::StrJoin(lines, "\n") + "\n";
}

absl::StatusOr<std::string> WithEntry(const std::string& crontab, const MonthlyEntry& entry) {
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
  if (within) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the table has \"", kBegin, entry.folders, "\" without \"", kEnd, entry.folders,
        "\" behind it, so where strata's entry ends is not known; nothing is changed: "
        "take the entry out by hand (crontab -e, scrontab -e)"));
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
