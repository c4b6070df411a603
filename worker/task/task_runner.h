// Does one worker's task from the first fetch to the last report: the worker's flow on one page.
#pragma once

#include <ATen/core/Tensor.h>

#include <exception>
#include <functional>

#include "worker/collective/mpi_session.h"
#include "worker/task/coordinator_client.h"

namespace strata {

// Ends the process with the reason that it is given; must not return.
using FailTask = std::function<void(const std::exception&)>;

// Returns when the task is done or a stop was agreed on. What fails, a HopelessTask
// (device_choice.h) among it, is given to `fail` while the collective still stands: to destroy it
// would wait for the other ranks.
void RunTask(CoordinatorClient& client, MpiSession& session, at::Device device,
             const FailTask& fail);

}  // namespace strata
