#include "coordinator/launch/srun_launcher.h"

#include <cstdlib>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/launch/launched_group.h"
#include "coordinator/launch/program_path.h"
#include "coordinator/launch/program_run.h"
#include "coordinator/launch/worker_environment.h"

namespace strata {
namespace {

constexpr std::chrono::seconds kListLimit{20};

// What srun can hand the ranks' addresses over by. FAILED_PRECONDITION when that is nothing that
// MPI knows.
absl::StatusOr<std::string> PmiHere() {
  const auto listed = RunProgram({FindProgram("srun").string(), "--mpi=list"}, kListLimit);
  RETURN_IF_ERROR(listed.status());
  std::string pmi = PmiOf(listed->output);
  if (!pmi.empty()) return pmi;
  return absl::FailedPreconditionError(
      "this Slurm has neither PMIx nor PMI2 (srun --mpi=list): take launcher: mpirun");
}

// "node7: task 1: Killed" of "srun: error: node7: task 1: Killed"; in the order they came.
std::vector<std::string> ErrorsIn(const std::string& words_of_srun) {
  constexpr std::string_view kBegin = "srun: error: ";
  std::istringstream lines(words_of_srun);
  std::vector<std::string> errors;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kBegin)) errors.push_back(line.substr(kBegin.size()));
  }
  return errors;
}

}  // namespace

std::string PmiOf(const std::string& listed) {
  std::istringstream words(listed);
  std::set<std::string> known;
  for (std::string word; words >> word;) known.insert(word);
  for (const char* pmi : {"pmix", "pmi2"}) {
    if (known.contains(pmi)) return pmi;
  }
  return "";
}

std::string TaskThatDied(const std::string& words_of_srun) {
  for (const std::string& error : ErrorsIn(words_of_srun)) {
    const size_t host_end = error.find(": task");  // of several "tasks 1-3: Killed"
    if (host_end == std::string::npos) continue;
    const size_t number = error.find(' ', host_end + 2);
    const size_t number_end = error.find(": ", number);
    if (number == std::string::npos || number_end == std::string::npos) continue;
    const std::string how = error.substr(number_end + 2);
    if (how.starts_with("Exited")) continue;
    return absl::StrCat("rank ", error.substr(number + 1, number_end - number - 1), " on ",
                        error.substr(0, host_end), " died: ", how);
  }
  return "";
}

std::string WhySrunEnded(const std::string& words_of_srun) {
  std::string task = TaskThatDied(words_of_srun);
  if (!task.empty()) return task;
  for (const std::string& error : ErrorsIn(words_of_srun)) {
    if (error.find(": task") == std::string::npos) return error;
  }
  return "";
}

bool SrunHasPmix() {
  if (FindProgram("srun").empty()) return false;
  const absl::StatusOr<std::string> pmi = PmiHere();
  return pmi.ok() && *pmi == "pmix";
}

absl::Status SrunLauncher::Check(const Launch& launch) const {
  if (FindProgram("srun").empty())
    return absl::NotFoundError("srun is no program on PATH: take launcher: mpirun, or local");
  if (std::getenv("SLURM_JOB_ID") == nullptr) {
    return absl::FailedPreconditionError(
        "launcher: srun needs a Slurm allocation, and this is none: strata submit makes a job of "
        "the training; salloc gives an allocation");
  }
  RETURN_IF_ERROR(PmiHere().status());
  return CheckWorker(launch);
}

std::vector<std::string> SrunLauncher::CommandOf(const Launch& launch,
                                                 const std::string& pmi) const {
  std::vector<std::string> command = {
      FindProgram("srun").string(), absl::StrCat("--ntasks=", launch.ranks),
      absl::StrCat("--mpi=", pmi),
      // One rank that ends badly ends all; each rank binds itself (worker/task/core_share.h).
      "--kill-on-bad-exit=1", "--cpu-bind=none", "--input=none", "--export=ALL", "--unbuffered"};
  // srun does not take it from the job by itself since Slurm 22.05.
  if (const char* cpus = std::getenv("SLURM_CPUS_PER_TASK"))
    command.push_back(absl::StrCat("--cpus-per-task=", cpus));
  command.insert(command.end(), settings_.srun_args.begin(), settings_.srun_args.end());
  command.push_back(launch.worker.string());
  command.insert(command.end(), launch.arguments.begin(), launch.arguments.end());
  return command;
}

absl::StatusOr<std::unique_ptr<WorkerGroup>> SrunLauncher::Start(const Launch& launch) {
  RETURN_IF_ERROR(Check(launch));
  ASSIGN_OR_RETURN(const std::string pmi, PmiHere());
  LaunchProgram program{.name = "srun",
                        .command = CommandOf(launch, pmi),
                        .environment = EnvironmentOfWorkers(settings_, launch),
                        .without = {},
                        .log = launch.log,
                        .why_ended = &WhySrunEnded};
  if (!settings_.network_interface.empty()) {
    for (const char* of : kInterfaceParameters) {
      program.environment.emplace_back(absl::StrCat("OMPI_MCA_", of), settings_.network_interface);
    }
  }
  return LaunchedGroup::Start(program);
}

}  // namespace strata
