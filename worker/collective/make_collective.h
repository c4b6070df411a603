// Chooses how ranks add up their gradients: MPI for the CPU, NCCL for CUDA. Takes the process's
// MpiSession, gives the training loop its Collective.
#pragma once

#include <memory>

#include "worker/collective/mpi_session.h"
#include "worker/train/training.h"

namespace strata {

// Every rank calls it with a device of the same kind. Throws std::runtime_error when there is no
// backend for it. REQUIRES: the session outlives the collective.
std::unique_ptr<Collective> MakeCollective(MpiSession& session, at::Device device);

}  // namespace strata
