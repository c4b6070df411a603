// What one rank does between entering MPI and its end: joins the run it was started for and does
// its task, or measures. What fails ends all ranks, and the coordinator is told if it can be.
#pragma once

#include "worker/collective/mpi_session.h"
#include "worker/task/worker_options.h"

namespace strata {

// Returns when the task is done or a stop was agreed on. Throws std::exception before there is a
// run that could be told.
void JoinRun(WorkerOptions options, MpiSession& session);

// For `strata doctor`. Enters MPI itself where it needs it, and is killed when it takes too long:
// no lease ends a rank that has no coordinator.
void ProbeMachine(const WorkerOptions& options, int* argc, char*** argv);

}  // namespace strata
