// Writes the entry of scrontab, Slurm's crontab, that submits the branches under a folder each
// month; where a cluster has no scrontab, of the crontab of this login node. Takes the command that
// the entry runs; gives the text, or installs it.
//
// Model: the entry stands between two comment lines that name it; a new one for the same folders
// replaces it, and every other line of the user's stays as it is.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace strata {

enum class Crontab {
  kSlurm,  // scrontab: the command is a short job, with options of sbatch
  kOfNode  // crontab
};

// "scrontab", "crontab"
std::string ProgramOf(Crontab table);

struct MonthlyEntry {
  std::string folders;                    // what names it: the folders, as the comments have them
  std::vector<std::string> options = {};  // of sbatch
  std::vector<std::string> command = {};  // words
  std::filesystem::path log = {};         // takes what the command says, behind what it holds
};

// 3 o'clock on the first of each month.
inline constexpr char kMonthly[] = "0 3 1 * *";

// What a command needs before it where cron runs it, with hardly an environment, to find Slurm and
// MPI and hand both on to the jobs: nothing, or env with the settings of this process.
std::vector<std::string> EnvironmentForCron();

std::string EntryText(const MonthlyEntry& entry, Crontab kind);

// `table` with the entry in the place of the one for the same folders, or at its end.
// FAILED_PRECONDITION when the end of the one there is not marked: what follows it may be the
// user's.
absl::StatusOr<std::string> WithEntry(const std::string& table, const MonthlyEntry& entry,
                                      Crontab kind);

// The folders, as the comments have them, of each other entry of `table` that has branches which
// this one may have too.
std::vector<std::string> OverlappingEntries(const std::string& table, const MonthlyEntry& entry);

// The one that can be had here: crontab where there is no scrontab, or it is switched off.
// NOT_FOUND where there is neither.
absl::StatusOr<Crontab> CrontabHere();

// Gives OverlappingEntries of the table. Errors as RunSlurm and WithEntry.
absl::StatusOr<std::vector<std::string>> InstallEntry(const MonthlyEntry& entry, Crontab kind);

}  // namespace strata
