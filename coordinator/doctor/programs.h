// Judges the two programs that a run starts by what they answer, and, for a remedy, by what lies
// beside them. ExaminePrograms (examination.h) runs them.
#pragma once

#include <filesystem>
#include <string>

#include "coordinator/doctor/finding.h"
#include "coordinator/doctor/worker_report.h"
#include "coordinator/launch/program_run.h"

namespace strata {

// Of `mpirun --version`.
Finding JudgeMpirun(const std::filesystem::path& mpirun, const ProgramRun& run, bool root);

// Of `strata-worker --probe machine`.
Finding JudgeWorker(const std::filesystem::path& worker, const ProgramRun& run,
                    const WorkerReport& report);

// What to do about a worker that the loader or MPI ends with `words`; "" when they are not known. A
// package has strata-torch beside its worker.
std::string RemedyOfLoader(const std::string& words, const std::filesystem::path& worker);

}  // namespace strata
