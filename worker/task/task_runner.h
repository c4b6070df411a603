// Does one worker's task from the first fetch to the last report: the worker's flow on one page.
#pragma once

#include <ATen/core/Tensor.h>

#include <exception>
#include <functional>
#include <stdexcept>

#include "worker/collective/mpi_session.h"
#include "worker/task/coordinator_client.h"

namespace strata {

// A task that can't be done here however often it is tried.
class HopelessTask : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Ends the process with the reason that it is given; must not return.
using FailTask = std::function<void(const std::exception&)>;

// Returns when the task is done or a stop was agreed on. What fails is given to `fail` while the
// collective still stands: to destroy it would wait for the other ranks.
void RunTask(CoordinatorClient& client, MpiSession& session, at::Device device,
             const FailTask& fail);

// "auto" takes CUDA when there are devices, one for each local rank. Throws
// HopelessTask when "cuda" has none.
at::Device ChooseDevice(const std::string& wish, const MpiSession& session);

}  // namespace strata
