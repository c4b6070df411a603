// Says on standard error, which is worker.log, what a rank has to say for itself, in the form of
// common/log_line.h. What MPI and libtorch say stays as it is.
#pragma once

#include <string>

#include "common/log_line.h"
#include "worker/task/coordinator_client.h"

namespace strata {

// Of a rank that was started for a run. One write a line, so that ranks do not cut into one
// another's.
void SayAs(const WorkerIdentity& identity, LogLevel level, const std::string& event,
           const std::string& words);

}  // namespace strata
