// Sums over ranks through NCCL, for tensors on a CUDA device, one rank per device. Made by
// make_collective.h, which brings the group over MPI; knows nothing of MPI itself. Built only where
// NCCL is found.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "worker/train/training.h"

namespace strata {

// This rank among those that add up together.
struct NcclGroup {
  int rank = 0, world = 1;
  int local_world = 1;  // ranks of this host
  // Rank 0's bytes on every rank; what others pass is ignored. Every rank calls it.
  std::function<std::string(std::string)> broadcast_bytes;
  // Called once, from a thread of the collective's own, when a rank or the network between them has
  // failed while sums were under way: who waits for one waits for ever, so it should end the
  // process. The communicator is aborted by then.
  std::function<void(const std::string& reason)> on_failure = nullptr;
};

// Every rank calls it; blocks until all have. The sums are ordered on the current CUDA stream.
// Throws std::runtime_error when the host has fewer devices than ranks or NCCL fails.
std::unique_ptr<Collective> MakeNcclCollective(const NcclGroup& group, at::Device device);

}  // namespace strata
