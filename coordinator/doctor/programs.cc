#include "coordinator/doctor/programs.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "coordinator/doctor/examination.h"
#include "coordinator/doctor/machine.h"
#include "coordinator/launch/program_path.h"
#include "coordinator/run/preparation.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kVersionLimit{10};
constexpr char kInstall[] = "apt-get install openmpi-bin, or name one in branch.yaml: mpirun: PATH";

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string HowItEnded(const ProgramRun& run) {
  return run.timed_out ? "it did not answer in time" : run.how;
}

void ExamineMpirun(Examination* examination) {
  const std::string name = examination->settings().mpirun;
  const fs::path mpirun = FindProgram(name);
  Findings& findings = examination->findings;
  if (mpirun.empty()) {
    findings.Add(Problem("mpirun",
                         absl::StrCat("'", name, "' is no program",
                                      name.find('/') == std::string::npos ? " on PATH" : ""),
                         kInstall));
    return;
  }
  const auto run = RunProgram({mpirun.string(), "--version"}, kVersionLimit);
  findings.Add(run.ok() ? JudgeMpirun(mpirun, *run, IsRoot())
                        : Problem("mpirun", std::string(run.status().message()), kInstall));
}

void ExamineWorker(Examination* examination) {
  const fs::path worker = WorkerProgram();
  Findings& findings = examination->findings;
  if (FindProgram(worker.string()).empty()) {
    findings.Add(Problem("strata-worker", absl::StrCat("no program at ", worker.string()),
                         "build it (deploy/setup.sh), or put it beside strata"));
    return;
  }
  const auto patience = examination->request.patience;
  const auto run = RunProgram({worker.string(), "--probe", "machine", "--probe-seconds-max",
                               std::to_string(patience.count() + 1)},
                              patience);
  if (!run.ok()) {
    findings.Add(
        Problem("strata-worker", std::string(run.status().message()), "ulimit -u; free -m"));
    return;
  }
  const WorkerReport report = ReadWorkerReport(run->output);
  findings.Add(JudgeWorker(worker, *run, report));
  if (run->clean) examination->machine = report.machine;
}

}  // namespace

Finding JudgeMpirun(const fs::path& mpirun, const ProgramRun& run, bool root) {
  const std::string line = FirstLine(run.output);
  if (!run.clean) {
    return Problem("mpirun",
                   absl::StrCat(mpirun.string(), " --version fails: ", HowItEnded(run),
                                line.empty() ? "" : ": " + line),
                   kInstall);
  }
  if (!absl::StrContains(run.output, "Open MPI")) {
    return Problem("mpirun",
                   absl::StrCat(mpirun.string(),
                                " is not Open MPI, which strata-worker is built "
                                "with: it says '",
                                line, "'"),
                   "apt-get install openmpi-bin, and name it in branch.yaml: mpirun: "
                   "/usr/bin/mpirun.openmpi");
  }
  return Fine("mpirun",
              absl::StrCat(line, " at ", mpirun.string(),
                           root ? "; root needs no flag, strata passes the permission" : ""));
}

std::string RemedyOfLoader(const std::string& words, const fs::path& worker) {
  if (absl::StrContains(words, "error while loading shared libraries")) {
    const fs::path link = worker.parent_path() / "strata-torch";
    std::error_code unknown;
    if (fs::exists(link, unknown))
      return absl::StrCat("link a libtorch, which this package came without: ", link.string(),
                          " DIR (its INSTALL says which)");
    return absl::StrCat("put the library back where it was at the build (readelf -d ",
                        worker.string(),
                        " | grep RPATH), or build again: deploy/setup.sh, with "
                        "STRATA_TORCH_DIR=DIR for a libtorch elsewhere");
  }
  if (absl::StrContains(words, "symbol lookup error") ||
      absl::StrContains(words, "undefined symbol")) {
    return "the library is another version than at the build: unset LD_LIBRARY_PATH and "
           "LD_PRELOAD, or build again: deploy/setup.sh";
  }
  if (absl::StrContains(words, "GLIBC") || absl::StrContains(words, "Exec format error"))
    return "it was built for another system: build it on this one: deploy/setup.sh";
  return "";
}

Finding JudgeWorker(const fs::path& worker, const ProgramRun& run, const WorkerReport& report) {
  if (run.clean && report.machine) {
    const int cuda = report.machine->cuda_built;
    return Fine("strata-worker",
                absl::StrCat("starts, with libtorch ", report.machine->libtorch, " for ",
                             cuda > 0 ? absl::StrCat("CUDA ", cuda / 1000, ".", cuda % 1000 / 10)
                                      : std::string("the CPU alone")));
  }
  const std::string words = TellingWords(report.words);
  const std::string remedy = RemedyOfLoader(words, worker);
  return Problem("strata-worker",
                 absl::StrCat(worker.string(), " does not start: ",
                              words.empty() || run.timed_out ? HowItEnded(run) : words),
                 !remedy.empty() ? remedy
                 : run.timed_out ? "try again: the first start reads libtorch from the disk; "
                                   "--patience 120 waits longer"
                                 : absl::StrCat("see what it says: ", worker.string(),
                                                " --probe machine; build it again: "
                                                "deploy/setup.sh"));
}

void ExaminePrograms(Examination* examination) {
  ExamineMpirun(examination);
  ExamineWorker(examination);
}

}  // namespace strata
