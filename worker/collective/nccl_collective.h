// Sums over ranks through NCCL, for tensors on a CUDA device, one rank per device. Made by
// make_collective.h; built only with STRATA_WITH_CUDA.
#pragma once

#include <memory>

#include "worker/collective/mpi_session.h"
#include "worker/train/training.h"

namespace strata {

// Every rank calls it; blocks until all have. The sums are ordered on the current CUDA stream.
// Throws std::runtime_error when the host has fewer devices than ranks or NCCL fails.
std::unique_ptr<Collective> MakeNcclCollective(MpiSession& session, at::Device device);

}  // namespace strata
