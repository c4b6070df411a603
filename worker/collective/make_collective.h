// Chooses how ranks add up their gradients: MPI for the CPU, NCCL for CUDA. Takes the process's
// MpiSession, gives the training loop its Collective.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "worker/collective/mpi_session.h"
#include "worker/train/training.h"

namespace strata {

// Every rank calls it with a device of the same kind. Throws std::runtime_error when there is no
// backend for it. `on_failure` is told, from another thread, when a sum that is under way can never
// end (NCCL only: mpirun ends the ranks of MPI). REQUIRES: the session outlives the collective.
std::unique_ptr<Collective> MakeCollective(
    MpiSession& session, at::Device device,
    const std::function<void(const std::string& reason)>& on_failure = nullptr);

}  // namespace strata
