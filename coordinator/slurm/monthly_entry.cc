#include "coordinator/slurm/monthly_entry.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
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

// "/data/a", "/data/b c" of "/data/a /data/b c": each is absolute.
std::vector<std::string> FoldersOf(const std::string& named) {
  std::vector<std::string> folders = absl::StrSplit(named, " /");
  for (size_t i = 1; i < folders.size(); ++i) folders[i].insert(0, "/");
  return folders;
}

bool IsWithin(const std::string& folder, const std::string& other) {
  return absl::StartsWith(folder + "/", absl::EndsWith(other, "/") ? other : other + "/");
}

// Whether a folder of the one is a folder of the other, or lies in one.
bool Overlap(const std::vector<std::string>& one, const std::vector<std::string>& other) {
  for (const std::string& a : one) {
    for (const std::string& b : other) {
      if (IsWithin(a, b) || IsWithin(b, a)) return true;
    }
  }
  return false;
}

absl::StatusOr<std::vector<std::string>> InstallIn(const std::filesystem::path& folder,
                                                   const MonthlyEntry& entry, Crontab kind) {
  const std::string program = ProgramOf(kind);
  ASSIGN_OR_RETURN(const std::string before, TableOf(program, folder / "before"));
  ASSIGN_OR_RETURN(const std::string table, WithEntry(before, entry, kind));
  RETURN_IF_ERROR(FileSystem::Real()->WriteFileDurably(folder / "table", table));
  RETURN_IF_ERROR(RunSlurm({program, (folder / "table").string()}).status());
  return OverlappingEntries(before, entry);
}

}  // namespace

std::string ProgramOf(Crontab table) { return table == Crontab::kSlurm ? "scrontab" : "crontab"; }

std::vector<std::string> EnvironmentForCron() {
  std::vector<std::string> words;
  for (const char* name : {"PATH", "LD_LIBRARY_PATH", "OPAL_PREFIX", "SLURM_CONF"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || std::string_view(value) == "/usr/bin:/bin") continue;
    words.push_back(absl::StrCat(name, "=", value));
  }
  if (!words.empty()) words.insert(words.begin(), "env");
  return words;
}

std::string EntryText(const MonthlyEntry& entry, Crontab kind) {
  std::vector<std::string> lines = {kBegin + entry.folders};
  std::string line = absl::StrCat(kMonthly, " ", ShellWords(entry.command));
  if (kind == Crontab::kSlurm) {
    std::vector<std::string> options = entry.options;
    options.push_back("--output=" + SbatchFileName(entry.log));
    options.push_back("--open-mode=append");
    for (const std::string& option : options) lines.push_back("#SCRON " + SbatchWord(option));
  } else {
    absl::StrAppend(&line, " >>", ShellWord(entry.log.string()), " 2>&1");
    // To crontab alone, % is the end of a command.
    line = absl::StrReplaceAll(line, {{"%", "\\%"}});
  }
  lines.push_back(line);
  lines.push_back(kEnd + entry.folders);
  return absl::StrJoin(lines, "\n") + "\n";
}

absl::StatusOr<std::string> WithEntry(const std::string& table, const MonthlyEntry& entry,
                                      Crontab kind) {
  std::istringstream lines(table);
  std::string kept;
  bool within = false, placed = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == kBegin + entry.folders) within = true;
    if (!within) absl::StrAppend(&kept, line, "\n");
    if (!within || line != kEnd + entry.folders) continue;
    within = false;
    if (!placed) absl::StrAppend(&kept, EntryText(entry, kind));
    placed = true;
  }
  if (within) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the table has \"", kBegin, entry.folders, "\" without \"", kEnd, entry.folders,
        "\" behind it, so where strata's entry ends is not known; nothing is changed: "
        "take the entry out by hand (crontab -e, scrontab -e)"));
  }
  return placed ? kept : kept + EntryText(entry, kind);
}

std::vector<std::string> OverlappingEntries(const std::string& table, const MonthlyEntry& entry) {
  std::istringstream lines(table);
  std::vector<std::string> overlapping;
  for (std::string line; std::getline(lines, line);) {
    if (!absl::StartsWith(line, kBegin) || line == kBegin + entry.folders) continue;
    const std::string others = line.substr(sizeof kBegin - 1);
    if (Overlap(FoldersOf(others), FoldersOf(entry.folders))) overlapping.push_back(others);
  }
  return overlapping;
}

absl::StatusOr<Crontab> CrontabHere() {
  if (!FindProgram("scrontab").empty() && !IsSwitchedOff(RunSlurm({"scrontab", "-l"}).status()))
    return Crontab::kSlurm;
  if (!FindProgram("crontab").empty()) return Crontab::kOfNode;
  return absl::NotFoundError(
      "neither scrontab nor crontab can be had here, to submit each month; have the cluster switch "
      "scrontab on (ScronParameters in slurm.conf), or run the command that --dry-run shows each "
      "month by other means (deploy/systemd has a timer)");
}

absl::StatusOr<std::vector<std::string>> InstallEntry(const MonthlyEntry& entry, Crontab kind) {
  std::string folder = (std::filesystem::temp_directory_path() / "strata-crontab-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr)
    return absl::UnavailableError(absl::StrCat("cannot make ", folder, "; set TMPDIR"));
  absl::StatusOr<std::vector<std::string>> others = InstallIn(folder, entry, kind);
  const absl::Status removed = FileSystem::Real()->RemoveTree(folder);
  if (others.ok() && !removed.ok()) return removed;
  return others;
}

}  // namespace strata
