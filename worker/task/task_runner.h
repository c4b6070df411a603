// Does one worker's task from the first fetch to the last report: the worker's flow on one page.
#pragma once

#include <ATen/core/Tensor.h>

#include "worker/collective/mpi_session.h"
#include "worker/task/coordinator_client.h"

namespace strata {

// Returns when the task is done or a stop was agreed on. Throws std::exception with what failed and
// what to do.
void RunTask(CoordinatorClient& client, MpiSession& session, at::Device device);

// "auto" takes CUDA when there are devices, one for each local rank. Throws when "cuda" has none.
at::Device ChooseDevice(const std::string& wish, const MpiSession& session);

}  // namespace strata
